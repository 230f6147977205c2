"""A grader loaded once for many runs: each gets a fork of the child that has collected its checks.

Loading pytest and a grader takes longer than all else that the runner does for a small solution; `lab validate` grades a
hundred of them.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

from labrunner.ports.suite import SuiteBroken
from labrunner.suites.channel import Channel
from labrunner.suites.processes import LOADING_SECONDS, Child, Fork, gone, next_line

if TYPE_CHECKING:
    from pathlib import Path


class KeptGrader:
    """The child. Thread-safe.

    Args:
        graders: folders of the checks.
        work: a private folder.

    Raises:
        SuiteBroken: the grader cannot be loaded.
    """

    def __init__(self, graders: tuple[Path, ...], work: Path) -> None:
        work.mkdir(parents=True, exist_ok=True)
        order = {
            "graders": [str(folder) for folder in graders],
            "seed": "",
            "work": str(work),
            "checks": True,
            "kept": True,
            "stages": None,
            "foreground": None,
        }
        self._child = Child(order)
        self._sending = threading.Lock()
        self._child.channel.settimeout(LOADING_SECONDS)
        self.checks: tuple[str, ...] = ()
        """Ids of the checks that the grader holds."""
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(self.close)
            self.checks = self._collected()
            on_failure.pop_all()

    def _collected(self) -> tuple[str, ...]:
        told = next_line(self._child.channel.lines(), self._child.last_words)
        if "broken" in told:
            raise SuiteBroken(told["broken"])
        return tuple(told["collected"])

    def fork(self, seed: str, work: Path) -> Fork:
        """A process for one run.

        Raises:
            SuiteBroken: the child is gone.
        """
        ours, theirs = socket.socketpair()
        with theirs, self._sending:
            try:
                self._child.channel.send({"seed": seed, "work": str(work)}, theirs.fileno())
            except OSError:
                ours.close()
                raise gone(self._child.last_words()) from None
        return Fork(Channel(ours), work)

    def close(self) -> None:
        """End it. Runs that are under way end with it."""
        with contextlib.suppress(OSError):
            self._child.close()
