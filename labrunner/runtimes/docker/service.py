"""One running service in a container: its log, its readiness, and the faults it can suffer."""

from __future__ import annotations

import base64
import dataclasses
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labrunner.model.outcome import Failure
from labrunner.model.result import Startup
from labrunner.model.status import Reason
from labrunner.ports.runtime import Exit, NotStarted
from labrunner.runtimes import readiness
from labrunner.runtimes.docker.container import CannotExecute, Plan
from labrunner.runtimes.docker.life import Life
from labrunner.runtimes.docker.tenant import EVERYWHERE, INIT, LOOPBACK, POLL_PATIENCE, POLL_SECONDS, Tenant
from labrunner.runtimes.listeners import TABLES, Listener, listening
from labrunner.runtimes.log import Log

if TYPE_CHECKING:
    from labrunner.model.lab import ServiceSpec
    from labrunner.runtimes.docker.engine import Engine
    from labrunner.runtimes.docker.forwarder import Slot
    from labrunner.runtimes.docker.labels import Run
    from labrunner.runtimes.docker.profile import Profile
    from labrunner.runtimes.docker.side import Side

_MAKING = 'while [ "$1" != "--" ]; do mkdir -p "$1" || exit; shift; done; shift; exec "$@"'
"""Folders, then ``--``, then the program that takes the shell's place."""
DATA = "/data"


@dataclass(frozen=True, slots=True)
class Launch:
    """Everything that starting takes.

    Attributes:
        argv: program and arguments; empty for what the image itself starts.
        environment: all of it.
        has_init: whether the image holds lab-init.
        folders: below ``DATA_DIR``, to be made before each start (a container's own start empties its tmpfs).
    """

    name: str
    image: str
    argv: tuple[str, ...]
    environment: dict[str, str]
    profile: Profile
    has_init: bool
    folders: tuple[str, ...] = ()


class DockerService(Tenant):
    """Satisfies `labrunner.ports.Service`.

    Args:
        engine: where.
        run: bears its labels.
        side: whose network it is in.
        slot: its address; given back at its end.
        launch: what to start.

    Raises:
        NotStarted: its program cannot be executed.
        EnvironmentProblem: the engine cannot.
    """

    def __init__(self, engine: Engine, run: Run, side: Side, slot: Slot, launch: Launch) -> None:
        self._launch = launch
        self._spec: ServiceSpec | None = None
        log = Log(hide="/app/")
        making = ["/bin/sh", "-c", _MAKING, "sh", *launch.folders, "--"] if launch.folders else []
        command = [INIT, *making, *launch.argv] if launch.has_init else list(launch.argv) or None
        plan = Plan(
            image=launch.image,
            command=command,
            profile=launch.profile,
            environment=launch.environment,
            network=side.inner.name,
            endpoint=side.inner.endpoint(slot.number),
            workdir="/app" if launch.has_init else None,
        )
        try:
            life = Life(engine, run, plan, log, has_init=launch.has_init)
        except CannotExecute as fault:
            raise NotStarted(self._not_executable(str(fault))) from None
        super().__init__(launch.name, engine, side, slot, log, life)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._slot.host_port}"

    @property
    def inner(self) -> tuple[str, int]:
        return self._side.inner.host(self._slot.number), self._slot.service_port

    def cpu_seconds(self) -> float | None:
        return self._life.container.cpu_seconds()

    def wait_ready(self, spec: ServiceSpec) -> float:
        self._spec = spec
        within = spec.ready_within_ms / 1000
        glance = readiness.Glance()
        while (elapsed := time.monotonic() - self._life.started_at) < within:
            patience = min(POLL_PATIENCE, within - elapsed + POLL_SECONDS)
            seen = readiness.look(LOOPBACK, self._slot.host_port, spec.ready, patience)
            is_cut_short = time.monotonic() - self._life.started_at > within
            if spec.is_ready(seen.status):
                return time.monotonic() - self._life.started_at
            if self._life.wait_exit(POLL_SECONDS) is not None:
                raise NotStarted(self._ended())
            glance = readiness.latest(glance, seen, is_cut_short=is_cut_short)
        raise NotStarted(self._not_ready(glance, spec), deadline=within)

    def _ended(self) -> Startup:
        seconds = self._life.exited_at - self._life.started_at
        log = self.last_words()
        startup = readiness.ended(self._life.exit_code or 0, seconds, log)
        limit = self.limit()
        return startup if limit is None else readiness.at_limit(startup, limit, self._measure(limit))

    def _not_ready(self, glance: readiness.Glance, spec: ServiceSpec) -> Startup:
        """The port proxy accepts for everybody, so who listens is asked inside."""
        found = self._listeners()
        port = self._slot.service_port
        reachable = {EVERYWHERE, "::", self._side.inner.host(self._slot.number)}
        is_up = any(listener.port == port and listener.address in reachable for listener in found)
        log = self.log(self._life.listened_at, time.monotonic())
        seen = dataclasses.replace(glance, connected=is_up)
        startup = readiness.not_ready(seen, found, spec, host=EVERYWHERE, port=port, log=log)
        limit = self.limit()
        return startup if limit is None else readiness.at_limit(startup, limit, self._measure(limit))

    def _listeners(self) -> list[Listener]:
        text = self._life.container.run_inside(["cat", *(f"/proc/net/{table}" for table in TABLES)])
        # The engine's own resolver listens on 127.0.0.11 in every container.
        return [listener for _, listener in listening(text) if listener.address != "127.0.0.11"]

    def _not_executable(self, why: str) -> Startup:
        command = " ".join(self._launch.argv) or "the image's own command"
        return Startup(
            Reason.CRASHED,
            Failure(
                "a command that can be executed",
                f"`{command}` cannot be started: {why.lower()}",
                "Check `run` in solution.toml; it is an array: program and arguments, run in the solution's directory.",
            ),
        )

    def _measure(self, limit: Reason) -> str:
        profile = self._launch.profile
        if limit is Reason.OOM:
            return f"{profile.memory >> 20} MiB of memory"
        if limit is Reason.DISK_FULL:
            return " and ".join(f"{size} MiB in {place}" for place, size in profile.rooms.items())
        return f"{profile.processes} threads and processes"

    def answers(self, timeout: float) -> bool:
        return readiness.answers(*self.client_address, self._spec, timeout)

    def limit(self) -> Reason | None:
        return self._life.limit()

    def memory(self) -> int | None:
        return self._life.container.resident()

    def stored(self) -> int | None:
        code, output = self._life.container.execute(["find", DATA, "-type", "f", "-printf", "%s\\n"])
        # A file that went meanwhile makes find complain, and is no file any more.
        sizes = [line for line in output.splitlines() if line.isdigit()]
        return sum(map(int, sizes)) if sizes or not code else None

    def stop(self, within: float) -> Exit:
        began = time.monotonic()
        if self._life.exit_code is None:
            self._life.term()
        code = self._life.wait_exit(within)
        seconds = time.monotonic() - began
        if code is None:
            self.kill()
        return Exit(code, seconds)

    def start_again(self) -> None:
        try:
            super().start_again()
        except CannotExecute as fault:
            raise NotStarted(self._not_executable(str(fault))) from None

    def put_data(self, path: str, content: bytes) -> None:
        # The engine cannot copy into a tmpfs; a process inside can write there, and is the service's own user.
        script = 'printf %s "$1" | base64 -d > "$2" && chmod 666 "$2"'
        self._inside(["/bin/sh", "-c", script, "sh", base64.b64encode(content).decode(), f"{DATA}/{path}"])

    def link_data(self, path: str, target: str) -> None:
        self._inside(["ln", "-s", f"{DATA}/{target}", f"{DATA}/{path}"])

    def read_data(self, path: str) -> bytes | None:
        script = 'test -f "$1" || exit 3; base64 -w 0 "$1"'
        code, output = self._life.container.execute(["/bin/sh", "-c", script, "sh", f"{DATA}/{path}"])
        if code == 3:
            return None
        if code:
            raise LookupError(f"{path} cannot be read: {output.decode('utf-8', 'replace').strip()}")
        return base64.b64decode(output)

    def _inside(self, command: list[str]) -> None:
        code, output = self._life.container.execute(command)
        if code:
            raise LookupError(f"{command[0]} failed inside: {output.decode('utf-8', 'replace').strip()}")
