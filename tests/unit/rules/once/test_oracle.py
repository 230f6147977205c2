from __future__ import annotations

import os

import pytest

from labrunner.rules.once import Asked, Charge, Close, Consistent, Heard, History, Impossible, Kill, Unknown, judge
from tests.unit.rules.once.simulation import Flaw, history

HISTORIES = int(os.environ.get("LABRUNNER_HISTORIES", "2000"))
TRIES = 600
"""Histories of a wrong service, of which one at least must tell."""


def test_a_correct_service_is_never_accused() -> None:
    """Whatever stalls, is lost, or crashes, and whenever: a correct service's history is consistent."""
    for seed in range(HISTORIES):
        verdict = judge(history(seed))
        assert isinstance(verdict, Consistent), (seed, verdict)


@pytest.mark.parametrize("flaw", Flaw, ids=lambda flaw: flaw.name.lower())
def test_each_kind_of_wrong_service_is_found(flaw: Flaw) -> None:
    """There is a law for each of them, and it tells why in words."""
    found = (judge(history(seed, flaw)) for seed in range(TRIES))
    verdict = next((verdict for verdict in found if isinstance(verdict, Impossible)), None)
    assert verdict is not None
    assert verdict.story


def _succeeded(sent: float, *, replay: bool = False, charge: str = "ch0") -> Asked:
    return Asked(sent, sent + 0.1, "a", Heard(201, replay, "body", "p", charge))


def test_a_lost_answer_is_told_as_a_story() -> None:
    """Somebody who reads only the story knows when the service died, and what it did twice."""
    seen = History(
        asked=(Asked(0.0, 1.0, "a"), _succeeded(2.0, charge="ch1")),
        charges=(Charge("ch0", "r0", 0.5), Charge("ch1", "r1", 2.05)),
        kills=(Kill(0.503, 0.52),),
        payments=(),
    )
    verdict = judge(seen)
    assert isinstance(verdict, Impossible)
    assert verdict.story == (
        "charged twice: the first answer was lost when the service was killed 3 ms after the ledger charged; "
        "then it was charged again under a fresh reference, and the old one was never closed"
    )


def test_a_closed_reference_that_told_of_its_charge_is_no_excuse() -> None:
    """Closing and then not listening is told as what it is."""
    seen = History(
        asked=(),
        charges=(Charge("ch0", "r0", 0.5), Charge("ch1", "r1", 2.05)),
        closes=(Close("r0", 1.0),),
        payments=(),
    )
    verdict = judge(seen)
    assert isinstance(verdict, Impossible)
    assert "although closing the reference had told of the first charge" in verdict.story


def test_a_killed_request_keeps_nobody_busy() -> None:
    """409 after a restart is wrong: who worked on the key is dead."""
    seen = History((Asked(0.0, 0.2, "a"), Asked(1.0, 1.1, "a", Heard(409))), kills=(Kill(0.1, 0.2),), payments=())
    verdict = judge(seen)
    assert isinstance(verdict, Impossible)
    assert verdict.law == "busy_only_while_working"


def test_a_client_that_left_may_keep_the_key_busy_for_a_while() -> None:
    """Nobody killed the service, so it may still work on what nobody waits for."""
    seen = History((Asked(0.0, 0.2, "a"), Asked(1.0, 1.1, "a", Heard(409))), payments=())
    assert isinstance(judge(seen), Consistent)


def test_what_is_not_over_is_not_judged_right() -> None:
    """While the ledger may still move money, nothing is proved."""
    assert isinstance(judge(History((_succeeded(0.0),), charges=(Charge("ch0", "r0", 0.05),), is_final=False)), Unknown)


def test_no_reads_no_verdict() -> None:
    """A verdict needs the final reads."""
    assert isinstance(judge(History((_succeeded(0.0),), charges=(Charge("ch0", "r0", 0.05),))), Unknown)
