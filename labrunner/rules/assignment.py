"""What an assignment makes of a lab: the same checks, other points; what does not count is worth nothing."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from labrunner.errors import BadAssignment, near
from labrunner.model.status import Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labrunner.model.assignment import Assignment, Terms
    from labrunner.model.lab import Lab
    from labrunner.model.result import Result


def applied(lab: Lab, assignment: Assignment) -> Lab:
    """`lab` with the assignment's points. Checks of other stages have none; those that are needed are still run.

    Raises:
        BadAssignment: it names a stage or a check that the lab lacks, or leaves no point to earn.
    """
    _refuse_unknown("stage", assignment.stages, [stage.slug for stage in lab.stages], lab)
    _refuse_unknown("check", [name for name, _ in assignment.points], [check.id for check in lab.checks], lab)
    counted = set(assignment.stages) or {stage.slug for stage in lab.stages}
    own = dict(assignment.points)
    if outside := sorted(name for name in own if name.partition("/")[0] not in counted):
        raise BadAssignment(
            f"The assignment gives points for '{outside[0]}', whose stage it leaves out.", "Add the stage to `stages`."
        )
    stages = tuple(
        dataclasses.replace(
            stage,
            checks=tuple(
                dataclasses.replace(check, points=own.get(check.id, check.points) if stage.slug in counted else 0)
                for check in stage.checks
            ),
        )
        for stage in lab.stages
    )
    changed = dataclasses.replace(lab, stages=stages, baseline=0)
    if not changed.points:
        raise BadAssignment("The assignment leaves no point to earn.", "Give points to at least one check.")
    return changed


def _refuse_unknown(kind: str, names: Iterable[str], known: list[str], lab: Lab) -> None:
    for name in names:
        if name not in known:
            similar = near(name, known)
            hint = f"Did you mean '{similar[0]}'?" if similar else f"It has {', '.join(known[:12])}."
            raise BadAssignment(f"The assignment names the {kind} '{name}', which the lab '{lab.id}' lacks.", hint)


def is_enough(result: Result, terms: Terms) -> bool | None:
    """Whether the points reach the minimum; None when there is no minimum, or nothing was graded."""
    if terms.minimum is None or result.score.value is None:
        return None
    # A share such as 0.6 is not exact in binary: 6 of 10 points must reach it.
    return result.score.value >= terms.minimum - 1e-9


def mark(result: Result, terms: Terms) -> str:
    """The name of the best mark that the points reach; empty when there is none, or nothing was graded."""
    if result.score.value is None:
        return ""
    reached = (item.name for item in terms.marks if result.score.value >= item.share - 1e-9)
    return next(reached, "")


def counts(result: Result) -> bool:
    """Whether this result stands for its content, so that grading it again can be saved."""
    return result.score.value is not None and all(check.status is not Status.INCONCLUSIVE for check in result.checks)
