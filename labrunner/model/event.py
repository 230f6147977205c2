"""A run is a stream of these; the result is a fold over them (`rules.fold`). Only the terminal listens live."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from labrunner.model.assignment import Terms
from labrunner.model.lab import Check, Stage
from labrunner.model.load import LoadReport
from labrunner.model.outcome import Outcome
from labrunner.model.result import Fault, Isolation, Startup


class Phase(enum.StrEnum):
    """The steps of a run that a learner sees pass by."""

    BUILD = "build"
    START = "start"
    CHECKS = "checks"


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The first event: what will be run, where, and with which choices.

    Attributes:
        at: UTC, ISO 8601.
        asked: ids of the checks that will be run; the others are skipped.
        terms: of the assignment that it is graded for.
    """

    at: str
    runner: str
    lab: str
    lab_version: str
    lab_digest: str
    grader_digest: str
    solution_digest: str
    language: str
    seed: str
    runtime: str
    isolation: Isolation
    notes: tuple[str, ...]
    stages: tuple[Stage, ...]
    asked: tuple[str, ...]
    terms: Terms | None = None


@dataclass(frozen=True, slots=True)
class PhaseStarted:
    """A phase began."""

    phase: Phase


@dataclass(frozen=True, slots=True)
class PhaseEnded:
    """A phase ended well, after `seconds`."""

    phase: Phase
    seconds: float


@dataclass(frozen=True, slots=True)
class StartFailed:
    """The service could not be built or started; no check can run."""

    startup: Startup


@dataclass(frozen=True, slots=True)
class CheckStarted:
    """A check's first try began."""

    check: Check


@dataclass(frozen=True, slots=True)
class CheckEnded:
    """A check has its verdict."""

    check: Check
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """The load measurement goes on.

    Attributes:
        share: of it that is done, 0 to 1; verdicts may come before 1.
        text: what goes on.
    """

    share: float
    text: str


@dataclass(frozen=True, slots=True)
class LoadMeasured:
    """The load measurement is over."""

    report: LoadReport


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The last event; it is missing only where the run was interrupted.

    Attributes:
        seconds: wall time of the run without the build.
        interrupted: by the user; checks without a verdict are then skipped.
        problem: what broke the run, when the solution is not at fault; checks without a verdict are then errored.
        at_fault: whose fault the problem is.
    """

    seconds: float
    interrupted: bool = False
    problem: str = ""
    at_fault: Fault | None = None


Event = (
    RunStarted
    | PhaseStarted
    | PhaseEnded
    | StartFailed
    | CheckStarted
    | CheckEnded
    | LoadProgress
    | LoadMeasured
    | RunEnded
)
