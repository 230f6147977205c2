"""Which checks are run, and which may run now: a DAG with many parents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labrunner.errors import UnknownName, UsageError
from labrunner.model.status import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from labrunner.model.lab import Check, Lab


def select(lab: Lab, names: Sequence[str]) -> tuple[str, ...]:
    """Ids of the checks that `names` ask for, with all that they need, in the lab's order.

    Args:
        lab: the lab.
        names: each a stage's number (from 1), a stage's slug or ``stage/check``; none at all means every check.

    Raises:
        UnknownName: no stage or check has that name.
        UsageError: more than one check has it.
    """
    if not names:
        return tuple(check.id for check in lab.checks)
    wanted: set[str] = set()
    for name in names:
        wanted.update(_named(lab, name))
    wanted = with_needs(lab.checks, wanted)
    return tuple(check.id for check in lab.checks if check.id in wanted)


def _named(lab: Lab, name: str) -> list[str]:
    stages = {str(number): stage for number, stage in enumerate(lab.stages, start=1)}
    stages |= {stage.slug: stage for stage in lab.stages}
    if name in stages:
        return [check.id for check in stages[name].checks]
    ids = [check.id for check in lab.checks]
    if name in ids:
        return [name]
    by_slug = [check.id for check in lab.checks if check.slug == name]
    if len(by_slug) == 1:
        return by_slug
    if by_slug:
        raise UsageError(f"More than one stage has a check '{name}'.", f"Say {' or '.join(by_slug)}.")
    known = [*(stage.slug for stage in lab.stages), *ids]
    raise UnknownName("stage or check", name, known, hint="See `lab status` for all of them.")


def with_needs(checks: Iterable[Check], wanted: Iterable[str]) -> set[str]:
    """`wanted` and everything below it in the DAG."""
    by_id = {check.id: check for check in checks}
    found: set[str] = set()
    rest = list(wanted)
    while rest:
        current = rest.pop()
        if current not in found:
            found.add(current)
            rest.extend(by_id[current].needs)
    return found


def cycle(checks: Iterable[Check]) -> tuple[str, ...]:
    """A cycle in the needs, as ids from a check back to itself; empty when there is none."""
    needs = {check.id: check.needs for check in checks}
    finished: set[str] = set()
    for start in needs:
        trail: list[str] = []
        if found := _walk(start, needs, finished, trail):
            return found
    return ()


def _walk(here: str, needs: Mapping[str, tuple[str, ...]], finished: set[str], trail: list[str]) -> tuple[str, ...]:
    if here in trail:
        return (*trail[trail.index(here) :], here)
    if here in finished:
        return ()
    trail.append(here)
    for need in needs.get(here, ()):
        if found := _walk(need, needs, finished, trail):
            return found
    trail.pop()
    finished.add(here)
    return ()


def blockers(check: Check, verdicts: Mapping[str, Status]) -> tuple[str, ...] | None:
    """What keeps `check` from running.

    Returns:
        None while a needed check has no verdict yet; ids of the needed checks that did not pass; empty: it may run.
    """
    if any(need not in verdicts for need in check.needs):
        return None
    return tuple(need for need in check.needs if verdicts[need] is not Status.PASSED)


def first_not_passed(lab: Lab, verdicts: Mapping[str, Status]) -> int | None:
    """Index of the first stage with a check that did not pass and was not left undecided by the machine.

    A stage counts as soon as one of its checks has such a verdict; the checks of later stages are then not worth
    running, since the learner is shown that stage first.
    """
    for index, stage in enumerate(lab.stages):
        if any(verdicts.get(check.id) in _STOPPERS for check in stage.checks):
            return index
    return None


_STOPPERS = {Status.FAILED, Status.LIMIT, Status.BLOCKED, Status.ERRORED}
