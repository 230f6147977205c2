from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labrunner.model.outcome import Sight
from labrunner.model.status import Reason, Status
from labrunner.rules.verdict import EXCEEDED_TRIES, TRIES, UNDECIDED_TRIES, Seen, settle
from tests.builders import attempt, seen

WELL, STALLED = 0.01, 0.9
"""Seconds of the witness's slowest answer, for a deadline of one second."""


def test_a_pass_with_evidence_passes() -> None:
    """One try with a request sent and nothing wrong is enough."""
    outcome = settle([seen(Sight.PASSED)])
    assert outcome is not None
    assert outcome.status is Status.PASSED
    assert outcome.failure is None
    assert outcome.reason is None


def test_no_evidence_is_errored_never_passed() -> None:
    """A check that sent no request has proved nothing."""
    outcome = settle([Seen(attempt(Sight.PASSED, exchanges=0), WELL)])
    assert outcome is not None
    assert outcome.status is Status.ERRORED
    assert "no evidence" in outcome.note


@pytest.mark.parametrize("sight", [Sight.FAILED, Sight.BROKEN])
@pytest.mark.parametrize("delay", [WELL, STALLED])
def test_a_mismatch_is_sound_in_one_try_whatever_the_machine(sight: Sight, delay: float) -> None:
    """C-18: what no correct solution can do needs neither repeat nor witness."""
    outcome = settle([seen(sight, delay, deadline=0.0)])
    assert outcome is not None
    assert outcome.status is Status.FAILED
    assert outcome.reason is Reason.MISMATCH
    assert outcome.failure is not None
    assert outcome.failure.got == "that"


def test_the_graders_own_fault_is_errored_with_its_note() -> None:
    """An exception in a check is never the learner's."""
    outcome = settle([Seen(attempt(Sight.ERRORED, note="KeyError: 'x'"), WELL)])
    assert outcome is not None
    assert (outcome.status, outcome.note) == (Status.ERRORED, "KeyError: 'x'")
    assert outcome.failure is None


def test_an_undecided_check_does_not_accuse_the_service() -> None:
    """The witness is idle: it can be well while a load generator starves, so that alone blames nobody."""
    outcome = settle([Seen(attempt(Sight.UNDECIDED, note="the load generator was late"), WELL)] * UNDECIDED_TRIES)
    assert outcome is not None
    assert outcome.status is Status.INCONCLUSIVE
    assert outcome.note.startswith("the load generator was late; if that is so on a quiet machine too, the service")


def test_a_deadline_convicts_after_three_tries_with_a_healthy_witness() -> None:
    """C-21: exceeded once or twice proves nothing; the third time it does."""
    tries = [seen(Sight.EXCEEDED, WELL)]
    assert settle(tries) is None
    tries.append(seen(Sight.EXCEEDED, WELL))
    assert settle(tries) is None
    tries.append(seen(Sight.EXCEEDED, WELL))
    outcome = settle(tries)
    assert outcome is not None
    assert (outcome.status, outcome.tries) == (Status.FAILED, 3)
    assert outcome.failure is not None


def test_a_deadline_with_a_stalled_witness_never_convicts() -> None:
    """C-24: however often; after a bounded number of tries it is inconclusive, and says how slow the machine was."""
    tries: list[Seen] = []
    while (outcome := settle(tries) if tries else None) is None:
        tries.append(seen(Sight.EXCEEDED, STALLED))
        assert len(tries) <= TRIES
    assert outcome.status is Status.INCONCLUSIVE
    assert outcome.failure is None
    assert "900 ms" in outcome.note


@pytest.mark.parametrize("delay, well", [(0.2499, True), (0.25, False), (0.3, False), (float("inf"), False)])
def test_the_witness_is_well_when_it_answers_within_a_quarter_of_the_deadline(delay: float, well: bool) -> None:
    """C-21; a witness that was never heard says nothing good about the machine."""
    assert seen(Sight.EXCEEDED, delay, deadline=1.0).witness_was_well is well


def test_one_good_try_after_deadlines_passes() -> None:
    """Two deadlines passed, the third try did not: no failure."""
    outcome = settle([seen(Sight.EXCEEDED, WELL), seen(Sight.EXCEEDED, STALLED), seen(Sight.PASSED)])
    assert outcome is not None
    assert (outcome.status, outcome.tries) == (Status.PASSED, 3)


def test_a_try_that_cannot_tell_is_repeated_and_then_inconclusive() -> None:
    """C-24 and C-25: an interval too wide or an oracle that answers unknown is repeated, a bounded number of times."""
    tries = [seen(Sight.UNDECIDED, note="too wide") for _ in range(UNDECIDED_TRIES - 1)]
    assert settle(tries) is None
    outcome = settle([*tries, seen(Sight.UNDECIDED, note="too wide")])
    assert outcome is not None
    assert outcome.status is Status.INCONCLUSIVE
    assert outcome.note.startswith("too wide")


def test_convicting_tries_need_not_be_in_a_row() -> None:
    """Stalled tries between them neither count nor excuse."""
    tries = [seen(Sight.EXCEEDED, WELL), seen(Sight.EXCEEDED, STALLED), seen(Sight.EXCEEDED, WELL),
             seen(Sight.UNDECIDED), seen(Sight.EXCEEDED, WELL)]  # fmt: skip
    assert settle(tries[:4]) is None
    outcome = settle(tries)
    assert outcome is not None
    assert outcome.status is Status.FAILED


def test_time_is_counted_over_all_tries_and_the_path_of_the_last() -> None:
    """`seconds` is what it took; `path_seconds` is what no runner could avoid."""
    outcome = settle([seen(Sight.EXCEEDED, WELL), seen(Sight.PASSED)])
    assert outcome is not None
    assert outcome.seconds == pytest.approx(2.0)
    assert outcome.path_seconds == pytest.approx(0.75)


@given(st.lists(st.tuples(st.sampled_from(list(Sight)), st.sampled_from([WELL, STALLED])), min_size=1, max_size=12))
def test_every_sequence_of_tries_settles_soundly_within_the_bound(history: list[tuple[Sight, float]]) -> None:
    """C-26: never more tries than the bound; a deadline alone convicts only with three healthy witnesses."""
    tries: list[Seen] = []
    outcome = None
    for sight, delay in history:
        tries.append(seen(sight, delay))
        if outcome := settle(tries):
            break
    assert outcome is not None or len(tries) < TRIES
    timed = {Sight.EXCEEDED, Sight.BROKEN}  # every try here has a deadline
    if outcome is not None and outcome.status is Status.FAILED and tries[-1].attempt.sight in timed:
        convicting = [item for item in tries if item.attempt.sight in timed and item.witness_was_well]
        assert len(convicting) >= EXCEEDED_TRIES
    if outcome is not None and outcome.status is Status.INCONCLUSIVE:
        assert all(item.attempt.sight in {*timed, Sight.UNDECIDED} for item in tries)


def test_silence_alone_counts_as_a_deadline_does() -> None:
    """A connection closed without one byte: a server may end an idle one, and a stalled client is idle."""
    silent = seen(Sight.BROKEN, WELL, deadline=2.0)
    assert settle([silent]) is None
    assert settle([silent, silent]) is None
    convicted = settle([silent, silent, silent])
    assert convicted is not None
    assert convicted.status is Status.FAILED
    stalled = seen(Sight.BROKEN, STALLED, deadline=2.0)
    spared = settle([stalled] * 4)
    assert spared is not None
    assert spared.status is Status.INCONCLUSIVE
    assert settle([silent, seen(Sight.PASSED)]) is not None
