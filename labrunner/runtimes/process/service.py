"""One running service: its log, its readiness, and the faults it can suffer."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labrunner.errors import EnvironmentProblem
from labrunner.model.outcome import Failure
from labrunner.model.result import Startup
from labrunner.model.status import Reason
from labrunner.ports.runtime import Exit, NotStarted
from labrunner.runtimes import readiness
from labrunner.runtimes.log import Log
from labrunner.runtimes.process.listening import listeners
from labrunner.runtimes.process.supervised import Supervised
from labrunner.runtimes.process.tree import descendants

if TYPE_CHECKING:
    from collections.abc import Callable

    from labrunner.model.lab import ServiceSpec

POLL_SECONDS = 0.005
POLL_PATIENCE = 1.0
"""Seconds that one readiness question may take; a hanging answer must not use up the whole deadline."""
LOG_LAG = 0.1
"""Seconds that a line may take from the service's write to our read."""


@dataclass(frozen=True, slots=True)
class Launch:
    """Everything that starting (again) needs.

    Attributes:
        user: uid and gid to drop to, or None to stay who we are.
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
    data: Path | None = None


class ProcessService:
    """Satisfies `labrunner.ports.Service`.

    Args:
        launch: what to start.
        supervised: a supervisor without a service; from now on this one's.
    """

    def __init__(self, launch: Launch, supervised: Supervised) -> None:
        self._launch = launch
        self._supervised = supervised
        self._log = Log(hide=f"{launch.cwd}/")
        self._draining = self._log.drain(self._supervised.log)
        self._closed = False
        self._start()

    @property
    def name(self) -> str:
        return self._launch.name

    @property
    def url(self) -> str:
        return f"http://{self._launch.host}:{self._launch.port}"

    @property
    def pid(self) -> int:
        """Of the supervisor, below which the service runs."""
        return self._supervised.pid

    def _start(self) -> None:
        launch = self._launch
        why = self._supervised.start(
            argv=launch.argv, env=launch.environment, cwd=launch.cwd, limits=launch.limits, user=launch.user
        )
        # The supervisor's own start is not the service's.
        self._started_at = time.monotonic()
        if why:
            got = f"`{' '.join(launch.argv)}` cannot be started: {why.lower()}"
            hint = (
                "Check `run` in solution.toml; it is an array: program and arguments, run in the solution's directory."
            )
            self.close()
            raise NotStarted(Startup(Reason.CRASHED, Failure("a command that can be executed", got, hint)))

    def wait_ready(self, spec: ServiceSpec) -> float:
        within = spec.ready_within_ms / 1000
        host, port = self._launch.host, self._launch.port
        glance = readiness.Glance()
        while (elapsed := time.monotonic() - self._started_at) < within:
            glance = readiness.look(host, port, spec.ready, min(POLL_PATIENCE, within - elapsed + POLL_SECONDS))
            if spec.is_ready(glance.status):
                return time.monotonic() - self._started_at
            if self._supervised.wait_exit(POLL_SECONDS) is not None:
                raise NotStarted(self._ended())
        found = listeners(descendants(self._supervised.pid))
        log = self.log(self._started_at, time.monotonic())
        startup = readiness.not_ready(glance, found, host=host, port=port, target=spec.ready, seconds=within, log=log)
        raise NotStarted(startup, deadline=within)

    def _ended(self) -> Startup:
        code = self._supervised.exit_code
        time.sleep(LOG_LAG)
        log = self.log(self._started_at, time.monotonic())
        return readiness.ended(code or 0, self._supervised.exited_at - self._started_at, log)

    def epitaph(self) -> str | None:
        code = self._supervised.look()
        return None if code is None else readiness.describe_exit(code)

    def limit(self) -> Reason | None:
        return None

    def log(self, since: float, until: float) -> tuple[str, ...]:
        return self._log.between(since, until + LOG_LAG)

    def follow(self, listener: Callable[[str], None]) -> None:
        self._log.follow(listener)

    def stop(self, within: float) -> Exit:
        began = time.monotonic()
        if self._supervised.exit_code is None:
            self._supervised.command("term")
        code = self._supervised.wait_exit(within)
        seconds = time.monotonic() - began
        if code is None:
            self.kill()
        return Exit(code, seconds)

    def kill(self) -> None:
        left = self._supervised.command("kill")
        if left:
            raise EnvironmentProblem(f"{left} processes of the service '{self.name}' could not be killed.")
        self._supervised.wait_exit(LOG_LAG * 10)

    def pause(self) -> None:
        self._supervised.command("pause")

    def resume(self) -> None:
        self._supervised.command("resume")

    def start_again(self) -> None:
        self._start()

    def put_data(self, path: str, content: bytes) -> None:
        place = self._data / path
        place.write_bytes(content)
        # Whoever it runs as: a service that writes through a link must be able to, or nobody would see that it does.
        place.chmod(0o666)

    def link_data(self, path: str, target: str) -> None:
        (self._data / path).symlink_to(self._data / target)

    def read_data(self, path: str) -> bytes | None:
        place = self._data / path
        return place.read_bytes() if place.is_file() else None

    @property
    def _data(self) -> Path:
        if self._launch.data is None:
            raise LookupError(f"the service '{self.name}' has no folder for data")
        return self._launch.data

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._supervised.close()
            self._draining.join(1.0)
