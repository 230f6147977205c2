"""The run's private folder. It is removed at the end; one whose owner died is removed by the next run."""

from __future__ import annotations

import contextlib
import errno
import secrets
import shutil
import time
from typing import TYPE_CHECKING

from labrunner.errors import EnvironmentProblem
from labrunner.runtimes.owner import PARTS, is_alive, owner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UNSEEN_SECONDS = 7 * 24 * 3600.0
"""So old is what a run left of which nobody here can tell whether it is over."""


@contextlib.contextmanager
def workplace(cache: Path) -> Iterator[Path]:
    """A fresh folder below ``cache/runs``.

    Raises:
        EnvironmentProblem: it cannot be made.
    """
    runs = cache / "runs"
    folder = runs / f"{owner()}-{secrets.token_hex(4)}"
    try:  # from before it is there: an interruption may come at any moment
        _make(folder, cache)
        sweep(runs)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make(folder: Path, cache: Path) -> None:
    try:
        folder.mkdir(parents=True)
        for path in (cache, folder.parent, folder):
            path.chmod(0o755)
    except OSError as fault:
        advice = "Free some room." if fault.errno == errno.ENOSPC else "Name another folder in LAB_CACHE."
        raise EnvironmentProblem(f"{folder} cannot be made: {fault.strerror}.", advice) from None


def sweep(runs: Path) -> list[str]:
    """Remove folders of runs whose process is gone; returns their names.

    Other machines may use the same folder: what they left goes when nothing was made in it for a week.
    """
    swept = []
    for folder in runs.iterdir():
        if folder.name.count("-") == PARTS and _is_over(folder):
            shutil.rmtree(folder, ignore_errors=True)
            swept.append(folder.name)
    return swept


def _is_over(folder: Path) -> bool:
    is_running = is_alive(folder.name.rpartition("-")[0], is_shared=True)
    if is_running is not None:
        return not is_running
    try:
        return time.time() - folder.stat().st_mtime > UNSEEN_SECONDS
    except FileNotFoundError:  # its owner was quicker
        return False
