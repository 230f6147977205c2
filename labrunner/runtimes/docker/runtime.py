"""The room's door: satisfies `labrunner.ports.Runtime`."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from labrunner.errors import EnvironmentProblem
from labrunner.model.result import Isolation
from labrunner.ports.runtime import LEARNER
from labrunner.runtimes import data_folder
from labrunner.runtimes.docker import leftovers, recipes
from labrunner.runtimes.docker.armed import Reaper
from labrunner.runtimes.docker.build import Builder
from labrunner.runtimes.docker.companion import DockerCompanion
from labrunner.runtimes.docker.container import CannotExecute, Container, Plan
from labrunner.runtimes.docker.engine import connect, told
from labrunner.runtimes.docker.generator import DockerGenerator
from labrunner.runtimes.docker.labels import Run
from labrunner.runtimes.docker.profile import FUNCTIONAL, load
from labrunner.runtimes.docker.service import DATA, DockerService, Launch
from labrunner.runtimes.docker.side import Side
from labrunner.runtimes.docker.tenant import EVERYWHERE, LOOPBACK, Tenant
from labrunner.runtimes.witness import EchoWitness

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labrunner.model.solution import Staged
    from labrunner.ports.companion import CompanionKind
    from labrunner.runtimes.docker.forwarder import Slot
    from labrunner.runtimes.docker.profile import Profile

WITNESS = "/opt/lab/lab-witness"
CLOSERS = 4


class DockerRuntime:
    """Services in hardened containers, on networks of their own.

    The networks, the forwarder and the witness are started in the background at once, while the solution is built.

    Raises:
        EnvironmentProblem: no engine, or an image of ours is missing.
    """

    name = "docker"

    def __init__(self) -> None:
        self.run = Run()
        self._engine = connect()
        self._builder = Builder(self._engine, self.run)
        try:
            base, forwarder = (self._builder.require(recipes.RECIPES[name]) for name in ("base", "forwarder"))
            with told():
                self._info = self._engine.client.info()
        except BaseException:
            self._engine.close()
            raise
        self._lock = threading.Lock()
        self._services: list[Tenant] = []
        self._witnesses: list[EchoWitness] = []
        self._generators: list[DockerGenerator] = []
        self._base = base
        self._forwarder = forwarder
        self._other: Future[Side] | None = None
        self._closed = False
        self._reaper = Reaper(self._engine.address.url, self.run)
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="docker")
        self._side: Future[Side] = self._pool.submit(Side, self._engine, self.run, forwarder)

    @property
    def isolation(self) -> Isolation:
        return Isolation.PARTIAL if self.notes else Isolation.STRONG

    @property
    def notes(self) -> tuple[str, ...]:
        lacking = [what for key, what in _BOUNDS.items() if not self._info.get(key)]
        if not any("seccomp" in option for option in self._info.get("SecurityOptions") or ()):
            lacking.append("system calls (seccomp)")
        return (f"Docker runtime: this engine does not bound {', '.join(lacking)}.",) if lacking else ()

    def build(self, staged: Staged) -> None:
        self._builder.build(staged)

    def launch(self, staged: Staged, environment: Mapping[str, str], *, name: str, port: int = 0) -> DockerService:
        return self._launch(staged, environment, name, self._side.result(), FUNCTIONAL, port)

    def launch_timed(self, staged: Staged, environment: Mapping[str, str], *, name: str, side: str) -> DockerService:
        return self._launch(staged, environment, name, self._of(side).result(), load(self._cpusets()[0]))

    def generator(self, boot: str) -> DockerGenerator:
        image = self._builder.require(recipes.RECIPES["load"])
        other = self._reference_side()
        sides = (self._side.result(), other.result())
        generator = DockerGenerator(self._engine, self.run, image, boot, self._cpusets()[1], sides)
        with self._lock:
            self._generators.append(generator)
        return generator

    def _of(self, side: str) -> Future[Side]:
        return self._side if side == LEARNER else self._reference_side()

    def _reference_side(self) -> Future[Side]:
        """The reference's own networks: the learner's service must not reach it, or it could let it do the work."""
        with self._lock:
            if self._other is None:
                self._other = self._pool.submit(Side, self._engine, self.run, self._forwarder)
            return self._other

    def _cpusets(self) -> tuple[str, str]:
        """CPUs of timed services, and of the generator; empty for any, where there is one CPU."""
        count = int(self._info.get("NCPU") or 1)
        return ("0", f"1-{count - 1}" if count > 2 else "1") if count > 1 else ("", "")

    def _launch(
        self, staged: Staged, environment: Mapping[str, str], name: str, side: Side, profile: Profile, port: int = 0
    ) -> DockerService:
        built = self._builder.of(staged)
        slot = side.take(port)
        chosen, folders = data_folder.settle(environment, DATA)
        launch = Launch(name, built.image, built.argv, _environment(slot) | chosen, profile,
                        has_init=built.has_init, folders=folders)  # fmt: skip
        try:
            service = DockerService(self._engine, self.run, side, slot, launch)
        except BaseException:
            side.give_back(slot)
            raise
        with self._lock:
            self._services.append(service)
        return service

    def companion(self, kind: CompanionKind, *, name: str, side: str | None = None) -> DockerCompanion:
        image = self._builder.require(recipes.RECIPES[kind.image])
        cpuset = self._cpusets()[0] if side else ""
        where = self._of(side or LEARNER).result()
        companion = DockerCompanion(self._engine, self.run, where, image, kind, name, cpuset)
        with self._lock:
            self._services.append(companion)
        return companion

    def witness(self) -> EchoWitness:
        side = self._side.result()
        slot = side.take()
        plan = Plan(
            image=self._base,
            # Named here, not in the script: it is in the base image, and a new one would make all images anew.
            command=["perl", "-MSocket=:DEFAULT,IPPROTO_TCP,TCP_NODELAY", WITNESS],
            profile=FUNCTIONAL,
            environment=_environment(slot),
            network=side.inner.name,
            endpoint=side.inner.endpoint(slot.number),
        )
        container = Container(self._engine, self.run, plan)
        witness = DockerWitness(container, self._pool.submit(container.start), slot.host_port)
        with self._lock:
            self._witnesses.append(witness)
        return witness

    def close(self) -> None:
        with self._lock:
            is_first, self._closed = not self._closed, True
        if not is_first:
            return
        is_clean = False
        try:
            self._remove_all()
            is_clean = True
            # What a busy engine made after another runner and its reaper were gone; where it cannot, `lab doctor` tells.
            with contextlib.suppress(EnvironmentProblem):
                leftovers.clean(self._engine.address)
        finally:
            self._reaper.stand_down(is_clean=is_clean)
            self._engine.close()

    def abandon(self) -> None:
        """The reaper removes all of it, as it would if we had died: nobody has to wait for that."""
        with self._lock:
            is_first, self._closed = not self._closed, True
        if is_first:
            with contextlib.suppress(EnvironmentProblem):
                leftovers.clean(self._engine.address)
            self._reaper.stand_down(is_clean=False)
            self._engine.close()

    def _remove_all(self) -> None:
        """Containers first, then what they were on; what fails does not keep the rest from being tried.

        Raises:
            EnvironmentProblem: the engine does not answer any more.
        """
        ends = (
            [each.close for each in self._witnesses]
            + [each.close for each in self._generators]
            + [service.close for service in self._services]
        )
        with ThreadPoolExecutor(CLOSERS) as pool:
            for end in [pool.submit(end) for end in ends]:
                end.result()
        self._pool.shutdown(wait=True)
        for side in filter(None, (self._side, self._other)):
            if side.exception() is None:
                side.result().close()
        self._builder.close()


class DockerWitness(EchoWitness):
    """A witness whose container another thread is starting; that it could not be started is told to the first who asks.

    Args:
        container: of it.
        started: done when it runs.
        port: where it will be reached.
    """

    def __init__(self, container: Container, started: Future[Container], port: int) -> None:
        self._container = container
        self._started = started
        super().__init__(self._remove, LOOPBACK, port)

    def worst(self, since: float, until: float) -> float:
        """As its Protocol says.

        Raises:
            EnvironmentProblem: it does not run. Without it no deadline that passes would count, and nobody would know why.
        """
        fault = self._started.exception() if self._started.done() else None
        if fault is not None:
            raise EnvironmentProblem(
                f"The witness cannot be started: {str(fault).rstrip('.')}.",
                "Try again; `lab doctor` looks at the engine.",
            )
        return super().worst(since, until)

    def _remove(self) -> None:
        with contextlib.suppress(EnvironmentProblem, CannotExecute):
            self._started.result()
        self._container.remove()


_BOUNDS = {"MemoryLimit": "memory", "PidsLimit": "the number of processes", "CpuCfsQuota": "CPU time"}


def _environment(slot: Slot) -> dict[str, str]:
    """All that a service gets to see of ours; PATH is the image's own."""
    return {
        "HOME": "/tmp",  # noqa: S108 - inside the container
        "TMPDIR": "/tmp",  # noqa: S108
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOST": EVERYWHERE,
        "PORT": str(slot.service_port),
        "DATA_DIR": DATA,
    }
