"""A server that many rely on, judged by the checks of http-server: another opinion than that of their author.

`docs/decisions/0021-real-servers-judged.md` explains each exception.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
NODE = ROOT / "tests" / "reputation" / "node"
JUDGED = ("respond", "routing", "headers", "bodies", "keep-alive", "chunked", "bad-requests", "concurrency")
EXCEPTIONS = {
    "routing/unknown-method",
    "bad-requests/request-lines",
    "bad-requests/hosts",
    "bad-requests/codings",
    "concurrency/graceful-stop",
}
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


def test_node_is_judged_as_its_reputation_says(tmp_path: Path) -> None:
    """Node's http passes every check of the protocol but those that a decision record explains."""
    solution = shutil.copytree(NODE, tmp_path / "solution")
    result = tmp_path / "result.json"
    argv = [sys.executable, "-m", "labrunner", "test", "--all", "--runtime", "process", "--seed", "reputation",
            "--pack", str(_pack(tmp_path / "pack")), "--report", f"json={result}"]  # fmt: skip
    done = subprocess.run(argv, cwd=solution, capture_output=True, text=True, timeout=HANGS, check=False)
    assert result.exists(), done.stdout + done.stderr
    told = json.loads(result.read_bytes())
    checks = told["checks"]
    failed = {
        check["id"]
        for check in checks
        if check["stage"] in JUDGED and check["outcome"]["status"] not in {"passed", "blocked", "inconclusive"}
    }
    assert failed == EXCEPTIONS
    assert told["review"] == ["it refuses a malformed request in the very bytes of Node's http"]
