"""Points, completeness and the exit code of a result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labrunner.errors import ExitCode
from labrunner.model.result import CheckResult, Fault, Result, Score
from labrunner.model.status import Status
from labrunner.rules.assignment import is_enough

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

INCONCLUSIVE_SHARE = 0.2
"""More than this share of the points inconclusive makes a result incomplete."""


def score(checks: Sequence[CheckResult], *, interrupted: bool = False) -> Score:
    """Points of passed checks over points of all that are not inconclusive.

    Blocked and skipped checks stay in the divisor. Interrupted, anything errored, or too much inconclusive: incomplete, so null.
    """
    earned = _points(checks, {Status.PASSED})
    total = sum(check.points for check in checks)
    unsure = _points(checks, {Status.INCONCLUSIVE})
    possible = total - unsure
    errored = any(check.status is Status.ERRORED for check in checks)
    incomplete = interrupted or errored or unsure > INCONCLUSIVE_SHARE * total or not possible
    return Score(earned, possible, None if incomplete else earned / possible)


def _points(checks: Iterable[CheckResult], statuses: set[Status]) -> int:
    return sum(check.points for check in checks if check.status in statuses)


def exit_code(result: Result) -> ExitCode:
    """What the shell is told: 0, 1, 3, 4, 5 or 130. With an assignment's minimum, points decide between 0 and 1."""
    if result.interrupted:
        return ExitCode.INTERRUPTED
    enough = is_enough(result, result.terms) if result.terms else None
    if enough is not None:
        return ExitCode.OK if enough else ExitCode.FAILED
    asked = [check.status for check in result.checks if check.status is not Status.SKIPPED]
    if any(status in {Status.FAILED, Status.LIMIT} for status in asked):
        return ExitCode.FAILED
    if result.problem:
        return ExitCode.LAB_INVALID if result.at_fault is Fault.LAB else ExitCode.ENVIRONMENT
    if not asked or any(status is not Status.PASSED for status in asked):
        return ExitCode.UNDECIDED
    return ExitCode.OK
