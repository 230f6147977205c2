"""Stage unknown-outcome: the ledger's answer does not come. Did the money move?"""

from __future__ import annotations

import random
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from life import PAUSE_SECONDS, RETRIES_SECONDS, Life
from vocabulary import Shop, must_be_first, must_replay

from labrunner.checks import Answer, Service, Services, exceeded, fail, undecided, wait

if TYPE_CHECKING:
    from bank import Bank

TIMEOUT_MS = 400
LATE_SECONDS = 1.0
LATEST_SECONDS = 4.5
"""IA-2 says that it may take 5 s."""
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
    """IA-14, IA-16: nothing moved: the retry charges, once, also when that charge's answer is lost, too."""
    dropped, silent = {"answer": "drop", "moves": "never"}, {"answer": "hang", "moves": "never"}
    found = {"answer": "drop", "moves": "now"}
    for charges, closes in (([dropped], []), ([silent], []), ([dropped, found], []), ([silent, silent], [silent])):
        life, _ = unresolved(hasty, *charges, closes=closes)
        life.finish().expect(201, NOTHING_MOVED)
        life.audit()


def test_late_charge(hasty: Shop) -> None:
    """IA-2, IA-16: a charge that is carried out late, after the retry, moves nothing twice."""
    lives = []
    for answer, late in (("drop", LATEST_SECONDS), ("hang", LATE_SECONDS), ("drop", LATE_SECONDS)):
        life, _ = unresolved(hasty, {"answer": answer, "moves": "late", "late": late})
        life.finish().expect(201, RESOLVED)
        lives.append(life)
    for life in reversed(lives):  # the latest began first, and ends last
        life.audit()


def test_fresh_reference(hasty: Shop) -> None:
    """IA-14: what is charged after closing has a reference of its own."""
    life, _ = unresolved(hasty, {"answer": "hang", "moves": "never"})
    give_up = time.monotonic() + RETRIES_SECONDS
    again = life.answered()
    while len(calls := hasty.bank.record(life.payment.account).calls) < 2:
        if time.monotonic() > give_up:
            undecided("nothing was charged after closing")
        wait(PAUSE_SECONDS)
        again = life.answered()
    for number, call in enumerate(calls):
        if call.was_closed and any(earlier.reference == call.reference for earlier in calls[:number]):
            why = "Under a closed reference no money moves any more: such a key would never be finished."
            got = f"a second charge request under {call.reference}, which was closed"
            fail(again, expected="a charge request under a fresh reference", got=got, why=why)


def test_closing_fails(hasty: Shop) -> None:
    """IA-14: while closing fails the key stays unresolved, and nothing is charged."""
    lost = {"answer": "drop", "moves": "now"}
    open_still = [{"answer": "unavailable"}, {"answer": "hang", "moves": "never"}]
    lives = []
    for moves in ("late", "now", "never"):
        closes = hasty.rng.sample([*open_still, lost], 3)
        if moves == "late":  # nothing is closed when it fails first, so the charge is still to come
            closes = [*hasty.rng.sample(open_still, 2), lost]
        life, _ = unresolved(hasty, {"answer": "drop", "moves": moves, "late": LATE_SECONDS}, closes=closes)
        life.finish().expect(201, RESOLVED)
        lives.append(life)
    for life in reversed(lives):
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
    other = replace(life.payment, amount=life.payment.amount + 1)
    if answer.status == 503:
        if (told := life.answered(other)).status == 422:
            got = f"{told.line} for another payload"
            fail(answer, told, expected="504 at first, or a key that is free", got=got, why=FREE)
        expected = "504: nobody knows whether the money moved"
        exceeded(answer, deadline=hasty.patience, expected=expected, got=answer.line, why=FREE)
    answer.expect(504, UNKNOWN)
    hasty.bank.plan(life.payment.account)  # whoever resolves before it compares would answer 504 while closing fails
    hasty.expect(life.answered(other), 422, OTHER)
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
    give_up = time.monotonic() + RETRIES_SECONDS
    while answer.status == 504 and time.monotonic() < give_up:
        wait(PAUSE_SECONDS)
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
