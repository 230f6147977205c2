"""Stage unknown-outcome: the ledger's answer does not come. Did the money move?"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from life import Life
from vocabulary import Shop, must_be_first, must_replay

from labrunner.checks import Answer, Service, Services, exceeded, fail, undecided

if TYPE_CHECKING:
    from bank import Bank

TIMEOUT_MS = 400
LATE_SECONDS = 1.0
TOGETHER = 8
CLOSING_SECONDS = 0.15
"""That closing takes while so many retry: whoever looks the key up meanwhile finds it unresolved."""
UNKNOWN = "Nobody knows whether the money moved: 504, until a retry finds out."
RESOLVED = "The first request moved the money: the retry finds that out, and answers with that charge."
NOTHING_MOVED = "Closing tells that nothing moved, and that nothing will: now it is safe to charge again."
FREE = "503 says that nothing moved and that the key is free, for any payment."
OTHER = "The key stands for the payment whose outcome is still unknown."


@pytest.fixture
def hasty(services: Services, service: Service, bank: Bank, rng: random.Random) -> Shop:
    """An instance with a short time-out, before the shared ledger."""
    return Shop(services.start({**service.env, "LEDGER_TIMEOUT_MS": str(TIMEOUT_MS)}), bank, rng)


def unresolved(shop: Shop, *charges: dict[str, Any], closes: list[dict[str, Any]] | None = None) -> tuple[Life, Answer]:
    """A key whose first charge request gets no answer, and the answer to its first request."""
    life = Life(shop)
    shop.bank.plan(life.payment.account, list(charges), closes)
    answer = life.answered()
    if answer.status not in {201, 402, 503, 504}:
        fail(answer, expected="504 (or the answer, if it resolves at once)", got=answer.line, why=UNKNOWN)
    return life, answer


def must_be_as_planned(life: Life, *, charges: int) -> None:
    """A machine that stalls makes another time-out, and then one more charge request than the plan is for."""
    if len(life.shop.bank.record(life.payment.account).calls) != charges:
        undecided("an answer of the ledger's was lost that should not have been")


def test_answer_lost(hasty: Shop) -> None:
    """IA-14, IA-15: the money moved, but the answer was lost: the retry finds it, and charges nothing."""
    for answer in ("drop", "hang", "drip", "cut"):
        life, _ = unresolved(hasty, {"answer": answer, "moves": "now"})
        finish = life.finish()
        finish.expect(201, RESOLVED)
        life.audit()
        must_replay(finish, hasty.expect(life.answered(), 201, RESOLVED))


def test_request_lost(hasty: Shop) -> None:
    """IA-14, IA-16: nothing moved: the retry charges, once."""
    for answer in ("drop", "hang"):
        life, _ = unresolved(hasty, {"answer": answer, "moves": "never"})
        life.finish().expect(201, NOTHING_MOVED)
        life.audit()


def test_late_charge(hasty: Shop) -> None:
    """IA-2, IA-16: a charge that is carried out late, after the retry, moves nothing twice."""
    lives = []
    for answer in ("hang", "drop"):
        life, _ = unresolved(hasty, {"answer": answer, "moves": "late", "late": LATE_SECONDS})
        life.finish().expect(201, RESOLVED)
        lives.append(life)
    for life in lives:
        life.audit()


def test_fresh_reference(hasty: Shop) -> None:
    """IA-14: what is charged after closing has a reference of its own."""
    life, _ = unresolved(hasty, {"answer": "hang", "moves": "never"})
    again = life.answered()
    calls = hasty.bank.record(life.payment.account).calls
    for number, call in enumerate(calls):
        if call.was_closed and any(earlier.reference == call.reference for earlier in calls[:number]):
            why = "Under a closed reference no money moves any more: such a key would never be finished."
            got = f"a second charge request under {call.reference}, which was closed"
            fail(again, expected="a charge request under a fresh reference", got=got, why=why)


def test_closing_fails(hasty: Shop) -> None:
    """IA-14: while closing fails the key stays unresolved, and nothing is charged."""
    closes = [{"answer": "unavailable"}, {"answer": "drop", "moves": "now"}, {"answer": "hang", "moves": "never"}]
    for moves in ("now", "never"):
        hasty.rng.shuffle(closes)
        life, _ = unresolved(hasty, {"answer": "drop", "moves": moves}, closes=closes)
        life.finish().expect(201, RESOLVED)
        life.audit()


def test_one_resolution(hasty: Shop) -> None:
    """IA-15, IA-16: of several retries at once of an unresolved key one resolves it, and charges once."""
    life, _ = unresolved(hasty, {"answer": "drop", "moves": "never"}, closes=[{"answer": "unavailable"}])
    hasty.bank.plan(life.payment.account, closes=[{"slow": CLOSING_SECONDS}] * TOGETHER)
    for _ in range(TOGETHER):
        life.ask_aside()
    life.join()
    if life.lost:
        raise life.lost[0]
    life.finish().expect(201, NOTHING_MOVED)
    life.audit()


def test_unresolved_conflict(hasty: Shop) -> None:
    """IA-11: an unresolved key stands for its payload."""
    life, answer = unresolved(hasty, {"answer": "drop", "moves": "never"}, closes=[{"answer": "unavailable"}] * 1000)
    if answer.status == 503:
        expected = "504: nobody knows whether the money moved"
        exceeded(answer, deadline=hasty.patience, expected=expected, got=answer.line, why=FREE)
    answer.expect(504, UNKNOWN)
    other = replace(life.payment, amount=life.payment.amount + 1)
    told = life.answered(other)
    hasty.expect(told, 422, OTHER)
    hasty.bank.plan(life.payment.account)
    life.finish().expect(201, NOTHING_MOVED)
    life.audit()


def test_declined_after_unknown(hasty: Shop) -> None:
    """IA-14: the second charge may be declined, and that is the answer for good."""
    life, _ = unresolved(hasty, {"answer": "drop", "moves": "never"}, {"answer": "declined"})
    declined = life.finish()
    must_be_as_planned(life, charges=2)
    declined.expect(402, "The ledger declined the charge that came after closing.")
    must_replay(declined, hasty.expect(life.answered(), 402, "A decline is recorded."))
    life.audit()


def test_unavailable_after_unknown(hasty: Shop) -> None:
    """IA-13: the second charge may meet a ledger that cannot now: then the key is as if never used."""
    life, answer = unresolved(hasty, {"answer": "drop", "moves": "never"}, {"answer": "unavailable"})
    while answer.status == 504 and len(life.answers) < 4:
        answer = life.answered()
    must_be_as_planned(life, charges=2)
    hasty.expect(answer, 503, "The ledger cannot now, and nothing moved.")
    other = hasty.new_payment()
    free = hasty.expect(hasty.pay(life.key, other), 201, "After 503 the key is free, for any payload.")
    must_be_first(free)
    hasty.must_be_charged_once(other, free)


def test_answers_in_time(hasty: Shop) -> None:
    """IA-17: however silent the ledger, the answer comes."""
    silent = {"answer": "hang", "moves": "never"}
    life, _ = unresolved(hasty, silent, silent, closes=[silent])
    for _ in range(2):
        life.answered()
