"""nginx as a solution of http-server, stages 1 to 6, limits and time-outs: it reads and writes all HTTP there is."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from pathlib import Path

from routes import serve

data = Path(os.environ["DATA_DIR"])
told = {
    "DATA": str(data),
    "HOST": os.environ["HOST"],
    "PORT": os.environ["PORT"],
    "ROUTES": str(data / "routes"),
    "KEEP_ALIVE": os.environ.get("KEEP_ALIVE_TIMEOUT_MS", "5000"),
    "HEADER": os.environ.get("HEADER_TIMEOUT_MS", "5000"),
}
text = Path("server.conf").read_text()
for name, value in told.items():
    text = text.replace(f"@{name}@", value)
(data / "server.conf").write_text(text)

listener = serve(data / "routes")
path = os.environ.get("PATH", os.defpath) + ":/usr/sbin"  # where Debian has servers
child = subprocess.Popen(
    ["nginx", "-p", str(data), "-e", "stderr", "-c", str(data / "server.conf")], env=os.environ | {"PATH": path}
)
signal.signal(
    signal.SIGTERM, lambda *_: child.send_signal(signal.SIGQUIT)
)  # SIGTERM itself would break off what is in flight
threading.Thread(target=listener, daemon=True).start()
os._exit(child.wait())
