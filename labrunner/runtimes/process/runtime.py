"""The room's door: satisfies `labrunner.ports.Runtime`."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from labrunner.errors import BadSolutionFile, EnvironmentProblem
from labrunner.model.result import Isolation
from labrunner.ports.companion import Place
from labrunner.ports.runtime import NotStarted
from labrunner.runtimes import data_folder
from labrunner.runtimes.control import Channel
from labrunner.runtimes.process import build, cpus
from labrunner.runtimes.process.companion import ProcessCompanion
from labrunner.runtimes.process.generator import ProcessGenerator
from labrunner.runtimes.process.ports import Ports
from labrunner.runtimes.process.program import Launch, ProcessProgram
from labrunner.runtimes.process.service import ProcessService
from labrunner.runtimes.process.supervised import Supervised
from labrunner.runtimes.witness import EchoWitness

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labrunner.model.solution import Staged
    from labrunner.ports.companion import CompanionKind

HOST = "127.0.0.1"
LIMITS = {"RLIMIT_NOFILE": 4096, "RLIMIT_CORE": 0, "RLIMIT_FSIZE": 1 << 30}
"""Bounds that hold for a single process; memory and the number of processes are bounded by Docker only."""
PROCESSES = 1024
UNPRIVILEGED = "nobody"
CONTROL = "control"
"""Name of a companion's Unix socket, in a folder that no other user may enter."""


class ProcessRuntime:
    """Services as child processes on loopback.

    Args:
        cache: where builds are kept between runs.
        work: a private directory of this run, for data and temporary files; the caller removes it.
    """

    name = "process"

    def __init__(self, cache: Path, work: Path) -> None:
        self._cache = cache
        self._work = work
        self._paths: dict[str, str] = {}
        self._builds = contextlib.ExitStack()
        self._services: list[ProcessProgram] = []
        self._witnesses: list[EchoWitness] = []
        self._generators: list[ProcessGenerator] = []
        self._ports = Ports(HOST)
        self._starting = threading.Lock()
        self._closed = False
        # For the witness and the shared service: they start while the run is being prepared.
        self._supervisors = [Supervised(), Supervised()]
        self._spares = list(self._supervisors)
        self._user = _droppable_user(work)

    @property
    def isolation(self) -> Isolation:
        if os.geteuid() == 0 and self._user is None:
            return Isolation.NONE
        return Isolation.PARTIAL

    @property
    def notes(self) -> tuple[str, ...]:
        network = "Process runtime: the service shares this machine's network and files; memory is not limited."
        if self.isolation is Isolation.NONE:
            return (network, f"It runs as root, because the user '{UNPRIVILEGED}' cannot read {build.base_python()}.")
        return (network,)

    def build(self, staged: Staged) -> None:
        if staged.digest not in self._paths:
            self._cache.mkdir(parents=True, exist_ok=True)
            self._paths[staged.digest] = build.build(staged, self._cache, self._builds)

    def launch(self, staged: Staged, environment: Mapping[str, str], *, name: str, port: int = 0) -> ProcessService:
        return self._launch(staged, environment, name, port, None)

    def launch_timed(self, staged: Staged, environment: Mapping[str, str], *, name: str, side: str) -> ProcessService:
        return self._launch(staged, environment, name, 0, cpus.shares()[0])

    def generator(self, boot: str) -> ProcessGenerator:
        with self._starting:
            generator = ProcessGenerator(boot, cpus.shares()[1], self._work / f"generator-{len(self._generators)}")
            self._generators.append(generator)
        return generator

    def _launch(
        self, staged: Staged, environment: Mapping[str, str], name: str, port: int, on: tuple[int, ...] | None
    ) -> ProcessService:
        path = self._paths[staged.digest]
        argv = self._argv(staged, path)
        supervised, data, number = self._seat(name, port)
        for part in (data / "data", data / "tmp"):
            part.mkdir()
        chosen, folders = data_folder.settle(environment, str(data / "data"))
        for folder in folders:
            Path(folder).mkdir()
        _give(self._user, data, data / "data", data / "tmp", *map(Path, folders))
        service = ProcessService(
            Launch(
                name=name,
                argv=argv,
                environment=self._environment(path, data, number) | chosen,
                cwd=str(staged.path),
                limits=LIMITS | ({"RLIMIT_NPROC": PROCESSES} if self._user is not None else {}),
                user=self._user,
                host=HOST,
                port=number,
                data=data / "data",
                cpus=on,
            ),
            supervised,
        )
        self._services.append(service)
        return service

    def companion(self, kind: CompanionKind, *, name: str, side: str | None = None) -> ProcessCompanion:
        supervised, folder, port = self._seat(name, 0)
        user = _droppable_user(self._work, needs_python=kind.is_controlled)
        if kind.refuses_root and user is None and os.geteuid() == 0:
            raise EnvironmentProblem(
                f"The companion '{kind.name}' refuses to run as root, and the user '{UNPRIVILEGED}' cannot enter {self._work}.",
                "Run the lab as an ordinary user, or use --runtime docker.",
            )
        folder.chmod(0o700)
        _give(user, folder)
        channel = Channel(secrets.token_hex(16), folder / CONTROL) if kind.is_controlled else None
        cache = self._cache / "companions"
        cache.mkdir(parents=True, exist_ok=True)
        place = Place(HOST, port, str(folder), in_container=False, user=user, cache=str(cache),
                      control=CONTROL if channel else "", token=channel.token if channel else "")  # fmt: skip
        try:
            program = kind.program(place)
        except BaseException:
            self._spares.append(supervised)
            raise
        launch = Launch(name, program.argv, _COMPANION_ENVIRONMENT | dict(program.environment), str(folder), LIMITS,
                        user, HOST, port, cpus.shares()[0] if side else None)  # fmt: skip
        companion = ProcessCompanion(kind, channel, launch, supervised)
        self._services.append(companion)
        return companion

    def _seat(self, name: str, port: int) -> tuple[Supervised, Path, int]:
        """A supervisor, a folder and a port for one more program."""
        with self._starting:
            if self._closed:
                raise EnvironmentProblem("The run is over; nothing is started any more.", "Begin another.")
            supervised = self._supervisor()
            folder = self._work / f"{name}-{len(self._supervisors)}-{len(self._spares)}"
            folder.mkdir()
            return supervised, folder, port or self._ports.reserve()

    def witness(self) -> EchoWitness:
        port = self._ports.reserve()
        script = Path(__file__).with_name("witness_server.py")
        # As an interpreter it takes the runner's own, which an unprivileged user may not be able to read.
        launch = Launch("witness", (sys.executable, "-I", "-S", str(script)), {"HOST": HOST, "PORT": str(port)}, "/",
                        LIMITS, None, HOST, port)  # fmt: skip
        try:
            witness = EchoWitness(ProcessService(launch, self._supervisor()).close, HOST, port)
        except NotStarted as fault:
            raise EnvironmentProblem(f"The witness cannot be started: {fault}.", "Try `lab doctor`.") from None
        self._witnesses.append(witness)
        return witness

    def close(self) -> None:
        with self._starting:
            self._closed = True
        # All are told before any is waited for.
        for supervised in self._supervisors:
            supervised.hang_up()
        for witness in self._witnesses:
            witness.close()
        for generator in self._generators:
            generator.close()
        for service in self._services:
            service.close()
        for supervised in self._supervisors:  # spares, and those whose service was interrupted while it began
            supervised.close()
        self._ports.close()
        self._builds.close()

    def abandon(self) -> None:
        self.close()

    def _supervisor(self) -> Supervised:
        if self._spares:
            return self._spares.pop()
        self._supervisors.append(Supervised())
        return self._supervisors[-1]

    def _argv(self, staged: Staged, path: str) -> tuple[str, ...]:
        program, *arguments = staged.solution.run
        found = shutil.which(program, path=path) if "/" not in program else str(staged.path / program)
        if found is None:
            raise EnvironmentProblem(
                f"solution.toml: the program '{program}' of `run` is not on this machine.",
                f"Install it, or change `run` in {staged.solution.path / 'solution.toml'}.",
            )
        if not Path(found).is_file():
            raise BadSolutionFile(
                f"solution.toml: `run` names '{program}', but there is no such file in the solution.",
                "It is an array: program and arguments, run in the solution's directory.",
            )
        return (found, *arguments)

    def _environment(self, path: str, data: Path, port: int) -> dict[str, str]:
        """All that a service gets to see of ours."""
        return {
            "PATH": path,
            "HOME": str(data / "tmp"),
            "TMPDIR": str(data / "tmp"),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOST": HOST,
            "PORT": str(port),
            "DATA_DIR": str(data / "data"),
        }


_COMPANION_ENVIRONMENT = {"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}


def _give(user: int | None, *paths: Path) -> None:
    """Make a program's user the owner of its folders."""
    if user is not None:
        for path in paths:
            os.chown(path, user, user)


def _droppable_user(work: Path, *, needs_python: bool = True) -> int | None:
    """The uid to drop to: only where we are root, and where that user could read the interpreter and our folders."""
    if os.geteuid() != 0:
        return None
    try:
        user = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        return None
    needed = (work.resolve(), *((build.base_python().resolve(),) if needs_python else ()))
    return user.pw_uid if all(_others_may_enter(path) for path in needed) else None


def _others_may_enter(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in path.parents)
