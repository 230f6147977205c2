from __future__ import annotations

import dataclasses

import pytest

from labrunner.model.event import (
    CheckEnded,
    CheckStarted,
    Event,
    Phase,
    PhaseEnded,
    PhaseStarted,
    RunEnded,
    StartFailed,
)
from labrunner.model.lab import Visibility
from labrunner.model.outcome import Failure, Outcome
from labrunner.model.result import Fault, Startup
from labrunner.model.status import Reason, Status
from labrunner.rules.fold import Fold, fold, longest_chain
from tests.builders import check, lab, started

LAB = lab(check("one/a", points=3), check("one/b", "one/a", points=2), check("two/c", points=5))
A, B, C = LAB.checks
FAILED = Outcome(Status.FAILED, Reason.MISMATCH, Failure("this", "that"))
PASSED = Outcome(Status.PASSED, path_seconds=0.5)


def test_a_whole_run_folds_into_its_result() -> None:
    """Every check in the lab's order with its verdict, the points, the phases' times."""
    events: list[Event] = [
        started(LAB),
        PhaseStarted(Phase.BUILD),
        PhaseEnded(Phase.BUILD, 7.0),
        PhaseStarted(Phase.START),
        PhaseEnded(Phase.START, 0.25),
        PhaseStarted(Phase.CHECKS),
        CheckStarted(A),
        CheckEnded(C, PASSED),
        CheckEnded(A, PASSED),
        CheckEnded(B, FAILED),
        RunEnded(1.5),
    ]
    result = fold(events)
    assert [(item.id, item.status) for item in result.checks] == [
        ("one/a", Status.PASSED),
        ("one/b", Status.FAILED),
        ("two/c", Status.PASSED),
    ]
    assert (result.score.earned, result.score.possible) == (8, 10)
    assert [(stage.slug, stage.points) for stage in result.stages] == [("one", 5), ("two", 5)]
    assert (result.timing.wall, result.timing.build, result.timing.ready) == (1.5, 7.0, 0.25)
    assert result.timing.critical_path == pytest.approx(0.75)
    assert not result.interrupted
    assert result.seed == "s33d"


def test_every_prefix_of_a_run_has_an_interrupted_result() -> None:
    """Ctrl-C at any event: what was known is kept, the rest is skipped, nothing is errored, and nobody is graded by it."""
    events: list[Event] = [
        started(LAB),
        PhaseStarted(Phase.CHECKS),
        CheckStarted(A),
        CheckEnded(A, PASSED),
        CheckEnded(B, FAILED),
    ]
    for length in range(1, len(events) + 1):
        result = fold(events[:length])
        assert result.interrupted
        assert result.score.value is None
        known = {event.check.id for event in events[:length] if isinstance(event, CheckEnded)}
        assert all((item.status is Status.SKIPPED) == (item.id not in known) for item in result.checks)


def test_before_the_first_event_there_is_no_result() -> None:
    """And it can be asked whether there is one."""
    state = Fold()
    assert not state.has_begun
    with pytest.raises(ValueError, match="RunStarted"):
        _ = state.result


def test_what_was_not_asked_for_is_skipped() -> None:
    """`lab test one/a` says nothing about the others."""
    result = fold([started(LAB, asked=("one/a",)), CheckEnded(A, PASSED), RunEnded(1.0)])
    assert [item.status for item in result.checks] == [Status.PASSED, Status.SKIPPED, Status.SKIPPED]


def test_a_service_that_did_not_start_fails_everything_asked_for() -> None:
    """With the start's own reason; the evidence is told once."""
    startup = Startup(Reason.NOT_READY, Failure("a service", "none"))
    result = fold([started(LAB, asked=("one/a", "one/b")), StartFailed(startup), RunEnded(1.0)])
    assert result.startup == startup
    assert [item.status for item in result.checks] == [Status.FAILED, Status.FAILED, Status.SKIPPED]
    assert result.checks[0].outcome.reason is Reason.NOT_READY
    assert result.score.value == 0


def test_a_broken_run_errors_what_has_no_verdict() -> None:
    """No fault of the solution: null points, with the problem as note."""
    ended = RunEnded(1.0, problem="the disk is full", at_fault=Fault.ENVIRONMENT)
    result = fold([started(LAB), CheckEnded(A, PASSED), ended])
    assert [item.status for item in result.checks] == [Status.PASSED, Status.ERRORED, Status.ERRORED]
    assert result.checks[1].outcome.note == "the disk is full"
    assert result.score.value is None
    assert result.at_fault is Fault.ENVIRONMENT


def test_a_run_that_forgets_a_check_errors_it() -> None:
    """Silence is never a pass, nor a fail."""
    result = fold([started(LAB), RunEnded(1.0)])
    assert {item.status for item in result.checks} == {Status.ERRORED}


def test_a_hidden_check_keeps_its_reason_and_loses_its_evidence() -> None:
    """Nobody learns more of it than name, reason and hints; not even from the JSON, nor from a traceback with its source."""
    secret = lab(check("one/a", visibility=Visibility.HIDDEN))

    def told(outcome: Outcome) -> Outcome:
        return fold([started(secret), CheckEnded(secret.checks[0], outcome), RunEnded(1.0)]).checks[0].outcome

    failed = told(dataclasses.replace(FAILED, note="assert quota == 17", printed="quota"))
    assert failed == Outcome(Status.FAILED, Reason.MISMATCH)
    errored = told(Outcome(Status.ERRORED, note="Traceback ...\n    assert quota == 17", printed="quota"))
    assert errored == Outcome(Status.ERRORED, note="the check errored")


def test_what_a_person_should_look_at_is_told_once_and_costs_nothing() -> None:
    """Two checks may see the same; the score is that of their verdicts."""
    flagged = dataclasses.replace(PASSED, review=("it looks like nginx",))
    result = fold([started(LAB, asked=("one/a", "one/b")), CheckEnded(LAB.checks[0], flagged),
                   CheckEnded(LAB.checks[1], flagged), RunEnded(1.0)])  # fmt: skip
    assert result.review == ("it looks like nginx",)
    assert result.score.earned == LAB.checks[0].points + LAB.checks[1].points


def test_the_longest_chain_runs_through_needs_and_not_across() -> None:
    """Checks that wait side by side do not add up; those in a chain do."""
    checks = (check("s/a"), check("s/b", "s/a"), check("s/c", "s/a", "s/d"), check("s/d"))
    assert longest_chain(checks, {"s/a": 1.0, "s/b": 5.0, "s/c": 2.0, "s/d": 3.5}) == 6.0
    assert longest_chain((), {}) == 0.0
