from __future__ import annotations

import dataclasses

import pytest

from labrunner.errors import BadAssignment, ExitCode
from labrunner.model.assignment import Assignment, Mark, Terms
from labrunner.model.event import CheckEnded, RunEnded
from labrunner.model.outcome import Outcome
from labrunner.model.result import Result
from labrunner.model.status import Status
from labrunner.rules.assignment import applied, counts, is_enough, mark
from labrunner.rules.fold import fold
from labrunner.rules.plan import select
from labrunner.rules.score import exit_code
from tests.builders import check, lab, started

LAB = lab(check("one/a", points=2), check("one/b", points=3), check("two/c", "one/a", points=5))


def _graded(terms: Terms | None, *statuses: Status) -> Result:
    rows = [CheckEnded(item, Outcome(status)) for item, status in zip(LAB.checks, statuses, strict=True)]
    return fold([dataclasses.replace(started(LAB), terms=terms), *rows, RunEnded(1.0)])


def test_points_are_the_assignments() -> None:
    """Those that it names; the lab's own for the others."""
    changed = applied(LAB, Assignment("tiny", Terms(), points=(("one/b", 10), ("two/c", 0))))
    assert [item.points for item in changed.checks] == [2, 10, 0]


def test_what_does_not_count_is_still_run_where_it_is_needed() -> None:
    """A stage that is left out is worth nothing; what the others need of it is run."""
    assignment = Assignment("tiny", Terms(), stages=("two",))
    changed = applied(LAB, assignment)
    assert [item.points for item in changed.checks] == [0, 0, 5]
    assert select(changed, assignment.stages) == ("one/a", "two/c")


@pytest.mark.parametrize(
    "assignment, says",
    [
        (Assignment("tiny", Terms(), stages=("three",)), "the stage 'three', which the lab 'tiny' lacks"),
        (Assignment("tiny", Terms(), points=(("one/x", 1),)), "the check 'one/x', which the lab 'tiny' lacks"),
        (Assignment("tiny", Terms(), stages=("two",), points=(("one/a", 1),)), "whose stage it leaves out"),
        (Assignment("tiny", Terms(), stages=("two",), points=(("two/c", 0),)), "no point to earn"),
    ],
)
def test_an_assignment_that_does_not_fit_is_told(assignment: Assignment, says: str) -> None:
    """One sentence, exit code 2."""
    with pytest.raises(BadAssignment, match=says) as caught:
        applied(LAB, assignment)
    assert caught.value.exit_code == ExitCode.USAGE


@pytest.mark.parametrize("minimum, enough", [(0.5, True), (0.51, False), (1.0, False), (0.0, True)])
def test_a_minimum_decides_the_exit_code(minimum: float, enough: bool) -> None:
    """5 of 10 points: from which share on that is a pass is the instructor's to say."""
    result = _graded(Terms(minimum=minimum), Status.PASSED, Status.PASSED, Status.FAILED)
    assert result.terms is not None
    assert is_enough(result, result.terms) is enough
    assert exit_code(result) == (ExitCode.OK if enough else ExitCode.FAILED)


def test_without_a_minimum_every_check_must_pass() -> None:
    """Also for an assignment."""
    assert exit_code(_graded(Terms(), Status.PASSED, Status.PASSED, Status.FAILED)) == ExitCode.FAILED
    assert exit_code(_graded(Terms(), *[Status.PASSED] * 3)) == ExitCode.OK


def test_what_was_not_graded_is_not_enough_and_not_too_little() -> None:
    """Incomplete is neither."""
    result = _graded(Terms(minimum=0.1), Status.PASSED, Status.PASSED, Status.ERRORED)
    assert result.terms is not None
    assert is_enough(result, result.terms) is None
    assert mark(result, dataclasses.replace(result.terms, marks=(Mark("F", 0.0),))) == ""
    assert exit_code(result) == ExitCode.UNDECIDED


@pytest.mark.parametrize(
    "statuses, name", [((True, True, True), "A"), ((True, False, True), "B"), ((True, False, False), "")]
)
def test_the_best_mark_that_is_reached_is_given(statuses: tuple[bool, ...], name: str) -> None:
    """10, 7 and 2 of 10 points; 0.7 must be reached by 7 of 10, however floats are."""
    terms = Terms(marks=(Mark("A", 0.9), Mark("B", 0.7)))
    result = _graded(terms, *(Status.PASSED if passed else Status.FAILED for passed in statuses))
    assert mark(result, terms) == name


@pytest.mark.parametrize(
    "status, kept",
    [(Status.FAILED, True), (Status.BLOCKED, True), (Status.ERRORED, False), (Status.INCONCLUSIVE, False)],
)
def test_only_a_decided_result_stands_for_its_content(status: Status, kept: bool) -> None:
    """What the machine left open is worth another run."""
    assert counts(_graded(None, Status.PASSED, status, Status.PASSED)) is kept
