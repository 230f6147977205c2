"""One running service: its log, its readiness, and the faults it can suffer."""

from __future__ import annotations

import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

from labrunner.model.outcome import Failure
from labrunner.model.result import Startup
from labrunner.model.status import Reason
from labrunner.ports.runtime import Exit, NotStarted
from labrunner.runtimes import readiness
from labrunner.runtimes.process.listening import listeners
from labrunner.runtimes.process.program import NotExecutable, ProcessProgram
from labrunner.runtimes.process.tree import cpu_seconds, descendants, resident

if TYPE_CHECKING:
    from labrunner.model.lab import ServiceSpec

POLL_SECONDS = 0.005
POLL_PATIENCE = 1.0
"""Seconds that one readiness question may take; a hanging answer must not use up the whole deadline."""


class ProcessService(ProcessProgram):
    """Satisfies `labrunner.ports.Service`."""

    _spec: ServiceSpec | None = None

    @property
    def url(self) -> str:
        return f"http://{self._launch.host}:{self._launch.port}"

    @property
    def inner(self) -> tuple[str, int]:
        return self._launch.host, self._launch.port

    def cpu_seconds(self) -> float | None:
        return cpu_seconds(self._supervised.pid)

    def _start(self) -> None:
        try:
            super()._start()
        except NotExecutable as fault:
            got = f"`{' '.join(self._launch.argv)}` cannot be started: {str(fault).lower()}"
            hint = (
                "Check `run` in solution.toml; it is an array: program and arguments, run in the solution's directory."
            )
            raise NotStarted(Startup(Reason.CRASHED, Failure("a command that can be executed", got, hint))) from None

    def wait_ready(self, spec: ServiceSpec) -> float:
        self._spec = spec
        within = spec.ready_within_ms / 1000
        host, port = self._launch.host, self._launch.port
        glance = readiness.Glance()
        while (elapsed := time.monotonic() - self._started_at) < within:
            patience = min(POLL_PATIENCE, within - elapsed + POLL_SECONDS)
            seen = readiness.look(host, port, spec.ready, patience)
            is_cut_short = time.monotonic() - self._started_at > within
            if spec.is_ready(seen.status):
                return time.monotonic() - self._started_at
            if self._supervised.wait_exit(POLL_SECONDS) is not None:
                raise NotStarted(self._ended())
            glance = readiness.latest(glance, seen, is_cut_short=is_cut_short)
        found = listeners(descendants(self._supervised.pid))
        log = self.log(self._first_words, time.monotonic())
        startup = readiness.not_ready(glance, found, spec, host=host, port=port, log=log)
        raise NotStarted(startup, deadline=within)

    def _ended(self) -> Startup:
        code = self._supervised.exit_code
        log = self.log(self._first_words, time.monotonic())
        return readiness.ended(code or 0, self._supervised.exited_at - self._started_at, log)

    def answers(self, timeout: float) -> bool:
        return readiness.answers(self._launch.host, self._launch.port, self._spec, timeout)

    def limit(self) -> Reason | None:
        return None

    def memory(self) -> int | None:
        return resident(descendants(self._supervised.pid))

    def stored(self) -> int | None:
        return sum(_size(place) for place in self._data.rglob("*"))

    def stop(self, within: float) -> Exit:
        began = time.monotonic()
        if self._supervised.exit_code is None:
            self._supervised.command("term")
        code = self._supervised.wait_exit(within)
        seconds = time.monotonic() - began
        if code is None:
            self.kill()
        return Exit(code, seconds)

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


def _size(place: Path) -> int:
    """Bytes of a file; of what is none, or gone meanwhile, 0."""
    try:
        found = place.lstat()
    except OSError:
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else 0
