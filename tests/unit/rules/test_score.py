from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labrunner.errors import ExitCode
from labrunner.model.event import RunEnded
from labrunner.model.result import Fault, Result
from labrunner.model.status import Status
from labrunner.rules.fold import fold
from labrunner.rules.score import exit_code, score
from tests.builders import check, checked, lab, started


def test_blocked_and_skipped_stay_in_the_divisor() -> None:
    """What was not reached is not earned, and still counts."""
    found = score([checked(Status.PASSED, 2), checked(Status.BLOCKED, 3), checked(Status.SKIPPED, 5)])
    assert (found.earned, found.possible, found.value) == (2, 10, 0.2)


def test_failed_and_limit_earn_nothing() -> None:
    """Both are the learner's."""
    found = score([checked(Status.PASSED, 1), checked(Status.FAILED, 1), checked(Status.LIMIT, 2)])
    assert (found.earned, found.possible, found.value) == (1, 4, 0.25)


def test_inconclusive_costs_nothing() -> None:
    """C-24: up to a fifth of the points, it simply leaves the divisor."""
    found = score([checked(Status.PASSED, 8), checked(Status.INCONCLUSIVE, 2)])
    assert (found.earned, found.possible, found.value) == (8, 8, 1.0)


def test_more_than_a_fifth_inconclusive_makes_the_score_null() -> None:
    """C-26: then too little was seen to say a number."""
    found = score([checked(Status.PASSED, 79), checked(Status.INCONCLUSIVE, 21)])
    assert found.value is None
    assert found.earned == 79


def test_anything_errored_makes_the_score_null_never_zero() -> None:
    """The grader's fault is never the learner's."""
    found = score([checked(Status.FAILED, 99), checked(Status.ERRORED, 1)])
    assert found.value is None


def test_nothing_to_earn_is_null() -> None:
    """No checks, or all inconclusive: there is no score."""
    assert score([]).value is None
    assert score([checked(Status.INCONCLUSIVE, 4)]).value is None


@given(st.lists(st.tuples(st.sampled_from(list(Status)), st.integers(1, 1000)), max_size=30))
def test_a_score_is_null_or_between_zero_and_one(rows: list[tuple[Status, int]]) -> None:
    """Whatever the verdicts; and only a full house earns 1."""
    results = [checked(status, points) for status, points in rows]
    found = score(results)
    if found.value is not None:
        assert 0 <= found.value <= 1
        assert (found.value == 1) == all(item.status in {Status.PASSED, Status.INCONCLUSIVE} for item in results)
        assert not any(item.status is Status.ERRORED for item in results)


def _result(*statuses: Status, **changes: object) -> Result:
    checks = tuple(check(f"s/c{number}") for number in range(len(statuses)))
    empty = fold([started(lab(*checks)), RunEnded(1.0)])
    results = tuple(checked(status, check_id=f"s/c{number}") for number, status in enumerate(statuses))
    return dataclasses.replace(empty, checks=results, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "statuses, code",
    [
        ((Status.PASSED, Status.PASSED), ExitCode.OK),
        ((Status.PASSED, Status.SKIPPED), ExitCode.OK),
        ((Status.PASSED, Status.FAILED), ExitCode.FAILED),
        ((Status.PASSED, Status.LIMIT), ExitCode.FAILED),
        ((Status.FAILED, Status.BLOCKED), ExitCode.FAILED),
        ((Status.FAILED, Status.ERRORED), ExitCode.FAILED),
        ((Status.PASSED, Status.INCONCLUSIVE), ExitCode.UNDECIDED),
        ((Status.PASSED, Status.ERRORED), ExitCode.UNDECIDED),
        ((Status.INCONCLUSIVE, Status.BLOCKED), ExitCode.UNDECIDED),
        ((Status.SKIPPED,), ExitCode.UNDECIDED),
        ((), ExitCode.UNDECIDED),
    ],
)
def test_each_verdict_has_its_exit_code(statuses: tuple[Status, ...], code: ExitCode) -> None:
    """0: all asked for passed; 1: something failed; 5: nothing failed, but not everything is known."""
    assert exit_code(_result(*statuses)) is code


@pytest.mark.parametrize("fault, code", [(Fault.LAB, ExitCode.LAB_INVALID), (Fault.ENVIRONMENT, ExitCode.ENVIRONMENT)])
def test_a_broken_run_says_whose_fault_it_was(fault: Fault, code: ExitCode) -> None:
    """3 for the lab, 4 for the machine."""
    assert exit_code(_result(Status.ERRORED, problem="it broke", at_fault=fault)) is code


def test_a_failure_seen_before_the_machine_broke_stays_a_failure() -> None:
    """What is proved is proved."""
    assert exit_code(_result(Status.FAILED, problem="it broke", at_fault=Fault.ENVIRONMENT)) is ExitCode.FAILED


def test_interrupted_is_130_whatever_was_seen() -> None:
    """As the shell expects it."""
    assert exit_code(_result(Status.FAILED, interrupted=True)) is ExitCode.INTERRUPTED


def test_exit_codes_are_the_documented_ones() -> None:
    """They are a public interface: scripts branch on them."""
    documented = {"OK": 0, "FAILED": 1, "USAGE": 2, "LAB_INVALID": 3, "ENVIRONMENT": 4, "UNDECIDED": 5,
                  "INTERRUPTED": 130, "UNREAD": 141}  # fmt: skip
    assert {code.name: code.value for code in ExitCode} == documented
