"""The child's program, as it is sent to it: the same on this machine and in a container.

The child begins with `BOOT` as its command line, imports Locust at once (which takes longest, and must come before
anything that keeps a socket), and then reads one line with all files.
"""

from __future__ import annotations

import json
from pathlib import Path

FILES = ("__init__.py", "child.py", "connection.py", "exchange.py", "recording.py", "user.py", "windows.py")
BOOT = """\
import locust, json, os, sys, tempfile
line = b""
while b"\\n" not in line:
    block = os.read(0, 65536)
    if not block:
        os._exit(0)
    line += block
folder = tempfile.mkdtemp(prefix="lab-load-")
line, _, rest = line.partition(b"\\n")
for name, text in json.loads(line)["files"].items():
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
sys.path.insert(0, folder)
from labrunner.loadtest import child
child.serve(rest)
"""


def program() -> bytes:
    """The first line."""
    folder = Path(__file__).parent
    files = {f"labrunner/loadtest/{name}": (folder / name).read_text(encoding="utf-8") for name in FILES}
    return json.dumps({"files": {"labrunner/__init__.py": "", **files}}).encode() + b"\n"
