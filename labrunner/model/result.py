"""The result of a run: what is stored, reported and scored. `schema` grows by one when a reader would break."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from labrunner.model.assignment import Terms
from labrunner.model.load import LoadReport
from labrunner.model.outcome import Failure, Outcome
from labrunner.model.status import Reason, Status

SCHEMA = 1


class Fault(enum.StrEnum):
    """Who is at fault when a run ends early and the solution is not."""

    ENVIRONMENT = "environment"
    LAB = "lab"


class Isolation(enum.StrEnum):
    """How far the service was kept from the machine and from the grader."""

    STRONG = "strong"
    PARTIAL = "partial"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Score:
    """Points of passed checks over points of all that are not inconclusive.

    Attributes:
        earned: points of passed checks.
        possible: points of all checks that are not inconclusive.
        value: ``earned / possible``; None when the result is incomplete, never 0 for that.
    """

    earned: int
    possible: int
    value: float | None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check with its verdict."""

    id: str
    stage: str
    title: str
    points: int
    visibility: str
    outcome: Outcome

    @property
    def status(self) -> Status:
        """The verdict."""
        return self.outcome.status


@dataclass(frozen=True, slots=True)
class StageInfo:
    """A stage's name, for reports."""

    slug: str
    title: str
    points: int


@dataclass(frozen=True, slots=True)
class Startup:
    """Why the service never got as far as being tested."""

    reason: Reason
    failure: Failure


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds.

    Attributes:
        wall: the whole run, without the build phase.
        build: the build phase, charged to nobody.
        ready: from the service's start to its first answer that says ready.
        critical_path: ``ready`` plus the longest chain of declared waits and of the service's own answer times.
    """

    wall: float
    build: float
    ready: float
    critical_path: float


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that is known of one run of one solution.

    Attributes:
        stages: in order.
        checks: every check of the lab, in order; those not asked for are `skipped`.
        startup: set when the service could not be built or started.
        problem: set when the run ended early through no fault of the solution (``errored`` checks).
        at_fault: whose fault it was then.
        notes: what a reader should know, e.g. what the isolation lacks.
        review: flags for a person; they change no score.
        started_at: UTC, ISO 8601.
        load: the load measurement, if there was one.
        terms: of the assignment that it was graded for; the points are then the assignment's.
    """

    schema: int
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
    started_at: str
    stages: tuple[StageInfo, ...]
    checks: tuple[CheckResult, ...]
    score: Score
    timing: Timing
    startup: Startup | None = None
    interrupted: bool = False
    problem: str = ""
    at_fault: Fault | None = None
    notes: tuple[str, ...] = ()
    review: tuple[str, ...] = ()
    load: LoadReport | None = None
    terms: Terms | None = None
