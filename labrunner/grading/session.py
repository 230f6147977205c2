"""What one run has started: the suite, the witness, the shared service."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from labrunner.errors import EnvironmentProblem
from labrunner.ports.runtime import NotStarted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from labrunner.model.event import LoadMeasured, LoadProgress
    from labrunner.model.lab import Lab
    from labrunner.model.solution import Staged
    from labrunner.ports.companion import Companion, CompanionKind, Companions
    from labrunner.ports.load import LoadTest
    from labrunner.ports.runtime import Runtime, Service, Witness
    from labrunner.ports.suite import Bench, Suite
    from labrunner.ports.target import Target

NOISY_STARTS = 3
"""So often is a start repeated when the machine, by its witness, was stalled."""


@dataclass(frozen=True, slots=True)
class Rooms:
    """The concrete parts of a run, picked by `labrunner.wiring`.

    Attributes:
        companions: None where a run can have none.
    """

    runtime: Runtime
    suite: Suite
    companions: Companions | None = None
    load: LoadTest | None = None


class RunLoad(Protocol):
    """The run's one load measurement; see `labrunner.grading.load`."""

    def bench(self, bench: Bench) -> Bench:
        """`bench`, with the measurement to be asked for too."""

    def news(self) -> Iterator[LoadProgress | LoadMeasured]:
        """What happened since the last call."""

    def close(self) -> None:
        """The run is over: nobody waits for a measurement any more."""


class Session:
    """One run's moving parts.

    Attributes:
        shared_companions: by name; they run beside the shared service.
        load_companions: those beside the learner's service under load, by the name by which a check asks for them.
        epoch: how often the shared service was started; a try that saw two epochs proves nothing.
        load: the run's load measurement; None where nobody can ask for one.
    """

    def __init__(self, rooms: Rooms, lab: Lab, staged: Staged, start_tries: int) -> None:
        self.runtime = rooms.runtime
        self.suite = rooms.suite
        self.lab = lab
        self.staged = staged
        self.witness: Witness = rooms.runtime.witness()
        self.environment: dict[str, str] = {}
        self.shared_companions: dict[str, Companion] = {}
        self.load_companions: dict[str, Companion] = {}
        self._companions = rooms.companions
        self.epoch = 0
        self._start_tries = start_tries
        self._service: Service | None = None
        self.load: RunLoad | None = None

    def with_load(self, bench: Bench) -> Bench:
        """`bench`, with the load measurement where there is one."""
        return self.load.bench(bench) if self.load is not None else bench

    @property
    def service(self) -> Service:
        """The run's shared service, after `start`."""
        if self._service is None:
            raise RuntimeError("the shared service is used before its start")
        return self._service

    def start(self) -> float:
        """Start the shared service with what the grader chose; returns seconds until it was ready.

        Raises:
            NotStarted: it is not ready in time, or ended.
            EnvironmentProblem: the machine was too busy to tell.
            SuiteBroken: the grader cannot be loaded.
        """
        self._start_companions()
        self.environment |= self.suite.environment()
        self._service = self.launch(self.environment, "service")
        self.epoch = 1
        return self._until_ready()

    def revive(self) -> None:
        """Start the shared service again after its death; raises like `start`."""
        self.service.kill()
        self.service.start_again()
        self.epoch += 1
        self._until_ready()

    def launch(self, environment: Mapping[str, str], name: str) -> Service:
        """Start an instance of the solution."""
        return self.runtime.launch(self.staged, environment, name=name)

    def _start_companions(self) -> None:
        """Those beside the shared service, whose variables they fill."""
        self.shared_companions = self.beside()
        self.environment |= self.variables(self.shared_companions)

    def beside(self, side: str | None = None, mark: str = "") -> dict[str, Companion]:
        """Start what the lab wants beside a service; by name.

        Args:
            side: under load, whose service.
            mark: a word after the names in messages.
        """
        started = {
            name: self.runtime.companion(self.kind(kind, {}), name=name + mark, side=side)
            for name, kind in self.lab.service.beside.items()
        }
        for companion in started.values():
            companion.wait_ready()
        return started

    def variables(self, companions: Mapping[str, Companion]) -> dict[str, str]:
        """What tells a service where these are."""
        room, spec = self._companions, self.lab.service
        if room is None:
            return {}
        urls = {name: each.url for name, each in companions.items()}
        return {room.variable(name): urls[name] for name in spec.shared_companions} | spec.grouped(urls)

    def kind(self, name: str, settings: Mapping[str, Any]) -> CompanionKind:
        """A sort of companion.

        Raises:
            LookupError: the lab names none of that name.
        """
        if self._companions is None:
            raise LookupError("this run can have no companions")
        return self._companions.kind(name, settings)

    def proxy(self, target: Target, behind: CompanionKind | None, name: str) -> Companion:
        """Start a fault proxy before `target`; does not wait until it is ready.

        Args:
            target: a service, or a companion.
            behind: the companion's kind.
            name: what messages call it.
        """
        if self._companions is None:
            raise LookupError("this run can have no companions")
        kind = self._companions.proxy(target.address, behind, self.lab.service.ready)
        return self.runtime.companion(kind, name=name)

    def _until_ready(self) -> float:
        """Not being ready in time counts only while the witness was well."""
        noisy = counted = 0
        while True:
            began = time.monotonic()
            try:
                return self.service.wait_ready(self.lab.service)
            except NotStarted as refusal:
                if refusal.deadline is None:
                    raise
                was_well = self.witness.worst(began, time.monotonic()) < refusal.deadline / 4
                counted, noisy = counted + was_well, noisy + (not was_well)
                if counted >= self._start_tries:
                    raise
                if noisy >= NOISY_STARTS:
                    raise EnvironmentProblem(
                        "The machine was too busy to tell whether the service becomes ready.",
                        "Try again when it is quiet.",
                    ) from None
            self.service.kill()
            self.service.start_again()
            self.epoch += 1
