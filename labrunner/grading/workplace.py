"""The run's private folder. It is removed at the end; one whose owner died is removed by the next run."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from labrunner.errors import EnvironmentProblem

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def workplace(cache: Path) -> Iterator[Path]:
    """A fresh folder below ``cache/runs``.

    Raises:
        EnvironmentProblem: it cannot be made.
    """
    runs = cache / "runs"
    folder = runs / f"{os.getpid()}-{_started_at(os.getpid())}-{secrets.token_hex(4)}"
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
    """Remove folders of runs whose process is gone; returns their names."""
    swept = []
    for folder in runs.iterdir():
        pid, _, rest = folder.name.partition("-")
        is_ours = rest.count("-") == 1 and pid.isdigit()
        if is_ours and _started_at(int(pid)) != rest.split("-")[0]:
            shutil.rmtree(folder, ignore_errors=True)
            swept.append(folder.name)
    return swept


def _started_at(pid: int) -> str:
    """When that process started, as the kernel counts; pids are used again, pairs are not. Empty when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        return stat[stat.rindex(b")") + 2 :].split()[19].decode()
    except OSError:
        return "" if Path("/proc/self").exists() or not _is_alive(pid) else "alive"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
