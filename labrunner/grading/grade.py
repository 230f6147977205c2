"""The use case: grade one submission, as a stream of events that ends with `RunEnded`."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labrunner import __version__
from labrunner.errors import EnvironmentProblem
from labrunner.grading.load import LoadOnce
from labrunner.grading.schedule import Schedule
from labrunner.grading.session import Rooms, Session
from labrunner.model.event import Event, Phase, PhaseEnded, PhaseStarted, RunEnded, RunStarted, StartFailed
from labrunner.model.result import Fault
from labrunner.ports.runtime import NotStarted
from labrunner.ports.suite import SuiteBroken
from labrunner.solution import intake, sources

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from labrunner.model.assignment import Terms
    from labrunner.model.lab import Lab
    from labrunner.model.solution import Solution, Staged


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be graded, and how.

    Attributes:
        asked: ids of the checks to run.
        digests: of the lab's public trees, and of its grader.
        jobs: checks at once.
        stop_early: leave out the stages after the first that does not pass.
        start_tries: so often must the service fail to become ready, with a healthy witness, before that counts.
        terms: of the assignment that it is graded for.
    """

    lab: Lab
    solution: Solution
    asked: tuple[str, ...]
    seed: str
    digests: tuple[str, str]
    jobs: int = 16
    stop_early: bool = False
    start_tries: int = 3
    terms: Terms | None = None


class Grading:
    """One run.

    Args:
        order: what to do.
        rooms: the concrete parts; whoever made them ends them, and with them all that the run has started.
        work: the run's private folder.
    """

    def __init__(self, order: Order, rooms: Rooms, work: Path) -> None:
        self._order = order
        self._rooms = rooms
        self._work = work

    def events(self) -> Iterator[Event]:
        """The run. A learner's faults and the machine's become events.

        Raises:
            UsageError: ``solution.toml`` asks for what cannot be.
            EnvironmentProblem: the solution cannot be copied.
            KeyboardInterrupt: the user wants no more of it.
        """
        order = self._order
        began = time.monotonic()
        build_seconds = 0.0
        problem, at_fault = "", None
        # Without a copy of the solution there is no run, and so no result: that is told as any other error.
        staged, refusal = self._stage()
        try:
            yield self._started(staged)
            if refusal is not None:
                raise refusal
            assert staged is not None
            yield PhaseStarted(Phase.BUILD)
            build_began = time.monotonic()
            try:
                self._rooms.runtime.build(staged)
            finally:
                build_seconds = time.monotonic() - build_began
            yield PhaseEnded(Phase.BUILD, build_seconds)
            session = Session(self._rooms, order.lab, staged, order.start_tries)
            if self._rooms.load is not None and order.lab.load is not None:
                session.load = LoadOnce(session, self._rooms.load, order.seed, self._work)
            yield PhaseStarted(Phase.START)
            yield PhaseEnded(Phase.START, session.start())
            self._refuse_missing_checks()
            yield PhaseStarted(Phase.CHECKS)
            yield from Schedule(session, order.asked, order.jobs, stop_early=order.stop_early).events()
        except NotStarted as refused:
            yield StartFailed(refused.startup)
        except SuiteBroken as fault:
            problem, at_fault = f"The grader of '{order.lab.id}' cannot be run: {fault}", Fault.LAB
        except EnvironmentProblem as fault:
            problem, at_fault = f"{fault.message} {fault.hint}".strip(), Fault.ENVIRONMENT
        yield RunEnded(time.monotonic() - began - build_seconds, problem=problem, at_fault=at_fault)

    def _stage(self) -> tuple[Staged | None, NotStarted | None]:
        staged = None
        try:
            staged = intake.stage(self._order.solution, self._work / "solution")
            sources.refuse(self._order.lab.imports.get(staged.solution.language), staged)
        except NotStarted as refusal:
            return staged, refusal
        return staged, None

    def _started(self, staged: Staged | None) -> RunStarted:
        order, runtime = self._order, self._rooms.runtime
        lab_digest, grader_digest = order.digests
        return RunStarted(
            at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            runner=__version__,
            lab=order.lab.id,
            lab_version=order.lab.version,
            lab_digest=lab_digest,
            grader_digest=grader_digest,
            solution_digest=staged.digest if staged else "",
            language=order.solution.language.value,
            seed=order.seed,
            runtime=runtime.name,
            isolation=runtime.isolation,
            notes=runtime.notes,
            stages=order.lab.stages,
            asked=order.asked,
            terms=order.terms,
        )

    def _refuse_missing_checks(self) -> None:
        held = set(self._rooms.suite.checks())
        missing = [check for check in self._order.asked if check not in held]
        if missing:
            raise SuiteBroken(f"lab.toml names {', '.join(missing)}, but no check of that name is there")
        unnamed = sorted(held - {check.id for check in self._order.lab.checks})
        if unnamed:
            raise SuiteBroken(f"it holds {', '.join(unnamed)}, which lab.toml does not name")
