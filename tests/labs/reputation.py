"""What the tests of real servers have in common: a lab for black boxes, and its verdicts on one of them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
SERVERS = ROOT / "tests" / "reputation"
HANGS = 600.0
"""Seconds; against a hang, not a promise of speed."""


def servers_up() -> None:
    """Have nginx and Varnish here from now on."""
    up = subprocess.run([ROOT / "scripts" / "servers-up"], capture_output=True, text=True, check=False)
    assert up.returncode == 0, up.stderr


def alone(manifest: str) -> str:
    """The text of a `lab.toml` without its load, whose checks need no other one: so none hides another."""
    text = re.sub(r"\n\[load\]\n.*?(?=\n\[\[stages\]\])", "", manifest, count=1, flags=re.DOTALL)
    text = text[: text.index('\n[[stages]]\nslug = "load"')]
    return re.sub(r"\nneeds = \[.*?\]", "", text, flags=re.DOTALL)


def judged(solution: Path, pack: Path) -> Mapping[str, Any]:
    """The result of all of the pack's checks."""
    result = solution.parent / "result.json"
    argv = [sys.executable, "-m", "labrunner", "test", "--all", "--runtime", "process", "--seed", "reputation",
            "--pack", str(pack), "--report", f"json={result}"]  # fmt: skip
    done = subprocess.run(argv, cwd=solution, capture_output=True, text=True, timeout=HANGS, check=False)
    assert result.exists(), done.stdout + done.stderr
    told: dict[str, Any] = json.loads(result.read_bytes())
    return told
