"""The room's door: satisfies `labrunner.ports.Runtime`."""

from __future__ import annotations

import os
import pwd
import shutil
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from labrunner.errors import BadSolutionFile, EnvironmentProblem
from labrunner.model.result import Isolation
from labrunner.ports.runtime import NotStarted
from labrunner.runtimes import data_folder
from labrunner.runtimes.process import build
from labrunner.runtimes.process.ports import Ports
from labrunner.runtimes.process.service import Launch, ProcessService
from labrunner.runtimes.process.supervised import Supervised
from labrunner.runtimes.witness import EchoWitness

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labrunner.model.solution import Staged

HOST = "127.0.0.1"
LIMITS = {"RLIMIT_NOFILE": 4096, "RLIMIT_CORE": 0, "RLIMIT_FSIZE": 1 << 30}
"""Bounds that hold for a single process; memory and the number of processes are bounded by Docker only."""
PROCESSES = 1024
UNPRIVILEGED = "nobody"


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
        self._services: list[ProcessService] = []
        self._witnesses: list[EchoWitness] = []
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
            self._paths[staged.digest] = build.build(staged, self._cache)

    def launch(self, staged: Staged, environment: Mapping[str, str], *, name: str, port: int = 0) -> ProcessService:
        path = self._paths[staged.digest]
        argv = self._argv(staged, path)
        with self._starting:
            if self._closed:
                raise EnvironmentProblem("The run is over; nothing is started any more.")
            supervised = self._supervisor()
            data = self._folder(f"{name}-{len(self._supervisors)}-{len(self._spares)}")
            number = port or self._ports.reserve()
        chosen, folders = data_folder.settle(environment, str(data / "data"))
        self._make(*map(Path, folders))
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
            ),
            supervised,
        )
        self._services.append(service)
        return service

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
        for service in self._services:
            service.close()
        for spare in self._spares:
            spare.close()
        self._ports.close()

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

    def _folder(self, name: str) -> Path:
        folder = self._work / name
        self._make(folder, folder / "data", folder / "tmp")
        return folder

    def _make(self, *folders: Path) -> None:
        """Folders that are the service's own."""
        for folder in folders:
            folder.mkdir()
            if self._user is not None:
                os.chown(folder, self._user, self._user)

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


def _droppable_user(work: Path) -> int | None:
    """The uid to drop to: only where we are root, and where that user could read the interpreter and our folders."""
    if os.geteuid() != 0:
        return None
    try:
        user = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        return None
    readable = all(_others_may_enter(path) for path in (build.base_python().resolve(), work.resolve()))
    return user.pw_uid if readable else None


def _others_may_enter(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in path.parents)
