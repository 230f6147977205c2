"""Servers that many rely on, judged by the checks of http-server: another opinion than that of their author.

`docs/decisions/0021-real-servers-judged.md` explains each exception.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import h11
import pytest

ROOT = Path(__file__).parents[2]
JUDGED = ("respond", "routing", "headers", "bodies", "keep-alive", "chunked", "bad-requests", "concurrency")
NODE = {
    "routing/unknown-method",
    "bad-requests/request-lines",
    "bad-requests/hosts",
    "bad-requests/codings",
    "concurrency/graceful-stop",
}
H11 = {
    "keep-alive/http-1-0",
    "keep-alive/empty-line",
    "chunked/chunk-sizes",
    "bad-requests/fields",
    "bad-requests/codings",
}
WORDS = ("it refuses a malformed request in the very bytes of Node's http",)
HANGS = 600.0
"""Seconds; against a hang, not a promise of speed."""


def _pack(folder: Path) -> Path:
    """The lab without its static rule, under another name."""
    for tree in ("labs", "graders", "scaffolds"):
        shutil.copytree(
            ROOT / tree / "http-server", folder / tree / "reputation", ignore=shutil.ignore_patterns("mutants")
        )
    manifest = folder / "labs" / "reputation" / "lab.toml"
    text = manifest.read_text().replace('id = "http-server"', 'id = "reputation"')
    manifest.write_text(re.sub(r"\n\[imports\].*?(?=\n\[load\])", "", text, flags=re.DOTALL))
    return folder


@pytest.mark.parametrize("name, exceptions, review", [("node", NODE, WORDS), ("h11", H11, ())])
def test_known_servers_are_judged_as_their_reputation_says(
    name: str, exceptions: set[str], review: tuple[str, ...], tmp_path: Path
) -> None:
    """Each passes every check of the protocol but those that a decision record explains; whose words it has is noted."""
    solution = Path(shutil.copytree(ROOT / "tests" / "reputation" / name, tmp_path / "solution"))
    if name == "h11":
        # Its own files, so that nothing has to be installed: what is judged is the parser that the tests have, too.
        shutil.copytree(Path(h11.__file__).parent, solution / "h11", ignore=shutil.ignore_patterns("__pycache__"))
    result = tmp_path / "result.json"
    argv = [sys.executable, "-m", "labrunner", "test", "--all", "--runtime", "process", "--seed", "reputation",
            "--pack", str(_pack(tmp_path / "pack")), "--report", f"json={result}"]  # fmt: skip
    done = subprocess.run(argv, cwd=solution, capture_output=True, text=True, timeout=HANGS, check=False)
    assert result.exists(), done.stdout + done.stderr
    told = json.loads(result.read_bytes())
    failed = {
        check["id"]
        for check in told["checks"]
        if check["stage"] in JUDGED and check["outcome"]["status"] not in {"passed", "blocked", "inconclusive"}
    }
    assert failed == exceptions
    assert told["review"] == list(review)
