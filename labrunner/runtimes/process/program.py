"""A program below a supervisor: its log, and the faults that it can suffer."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labrunner.errors import EnvironmentProblem
from labrunner.ports.target import CannotBeDone
from labrunner.runtimes import readiness
from labrunner.runtimes.log import Log

if TYPE_CHECKING:
    from collections.abc import Callable

    from labrunner.runtimes.process.supervised import Supervised

LOG_LAG = 0.1
"""Seconds that a line may take from the program's write to our read."""
RECENT_SECONDS = 1.0
"""On a machine that is very busy, what was written so long ago may still be unread."""

_STUBBORN = "Try again; a process that obeys no signal waits for a disk or a driver: see the system's log."


@dataclass(frozen=True, slots=True)
class Launch:
    """Everything that starting (again) needs.

    Attributes:
        user: uid and gid to drop to, or None to stay who we are.
        cpus: which CPUs it may use; None for any.
        data: its ``DATA_DIR``, where it has one.
    """

    name: str
    argv: tuple[str, ...]
    environment: dict[str, str]
    cwd: str
    limits: dict[str, int]
    user: int | None
    host: str
    port: int
    cpus: tuple[int, ...] | None = None
    data: Path | None = None


class NotExecutable(Exception):
    """The program cannot be started; the message is the system's own."""


class ProcessProgram:
    """What services and companions have in common; satisfies `labrunner.ports.Target` but for `answers`.

    Args:
        launch: what to start.
        supervised: a supervisor without a program; from now on this one's.

    Raises:
        NotExecutable: it cannot be started.
    """

    def __init__(self, launch: Launch, supervised: Supervised) -> None:
        self._launch = launch
        self._supervised = supervised
        self._log = Log(hide=f"{launch.cwd}/")
        self._draining = self._log.drain(self._supervised.log)
        self._closed = False
        self._started_at = self._first_words = 0.0
        self._start()

    @property
    def name(self) -> str:
        return self._launch.name

    @property
    def address(self) -> tuple[str, int]:
        return self._launch.host, self._launch.port

    @property
    def client_address(self) -> tuple[str, int]:
        return self.address

    @property
    def pid(self) -> int:
        """Of the supervisor, below which the program runs."""
        return self._supervised.pid

    def _start(self) -> None:
        launch = self._launch
        # What it writes may be read before the news of its start.
        self._first_words = time.monotonic()
        why = self._supervised.start(
            argv=launch.argv, env=launch.environment, cwd=launch.cwd, limits=launch.limits, user=launch.user,
            cpus=launch.cpus,
        )  # fmt: skip
        # The supervisor's own start is not the program's.
        self._started_at = time.monotonic()
        if why:
            self.close()
            raise NotExecutable(why)

    def epitaph(self) -> str | None:
        code = self._supervised.look()
        return None if code is None else readiness.describe_exit(code)

    def log(self, since: float, until: float) -> tuple[str, ...]:
        is_recent = time.monotonic() < until + RECENT_SECONDS
        if is_recent and self._log.settle(RECENT_SECONDS):
            # What was written then was read, and got its moment, only now.
            return self._log.between(since, float("inf"))
        return self._log.between(since, until + LOG_LAG)

    def follow(self, listener: Callable[[str], None]) -> None:
        self._log.follow(listener)

    def kill(self) -> None:
        left = self._supervised.command("kill")
        if left:
            raise EnvironmentProblem(f"{left} processes of '{self.name}' could not be killed.", _STUBBORN)
        self._supervised.look()  # answered when the end is known, and what it left behind is gone

    def pause(self) -> None:
        left = self._supervised.command("pause")
        if left:
            raise EnvironmentProblem(f"{left} processes of '{self.name}' could not be stopped.", _STUBBORN)

    def resume(self) -> None:
        self._supervised.command("resume")

    def start_again(self) -> None:
        self._start()

    def cut(self) -> None:
        raise CannotBeDone("without containers only what was started with behind_proxy=True can be cut off")

    def mend(self) -> None:
        """Nothing was cut."""

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._supervised.close()
            self._draining.join(1.0)
