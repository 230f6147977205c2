"""The runner's end of the reaper."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from labrunner.runtimes.docker.labels import RUN

if TYPE_CHECKING:
    from labrunner.runtimes.docker.labels import Run

SCRIPT = Path(__file__).with_name("reaper.py")


class Reaper:
    """A child that outlives us. Armed before the first object is created, so that none can be lost.

    Args:
        url: of the engine.
        run: whose objects it removes when we die.
    """

    def __init__(self, url: str, run: Run) -> None:
        # A session of its own: the terminal's Ctrl-C is for the runner alone.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(SCRIPT), url, f"{RUN}={run.id}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            env={},
        )

    def stand_down(self, *, is_clean: bool) -> None:
        """End it; when something could not be removed it sweeps first, in its own time."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            if is_clean:
                self._process.stdin.write(b"\n")
            self._process.stdin.close()
        if is_clean:
            self._process.wait()
