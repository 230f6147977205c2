"""Stage in-flight: many requests with one key at once, the ledger slow."""

from __future__ import annotations

import random
import re
import threading
from dataclasses import replace

import pytest
from bank import Bank
from life import Life
from vocabulary import REPLAYED, Shop

from labrunner.checks import Answer, Service, Services, exceeded, fail, wait

MANY, FEW = 50, 3
SLOW_SECONDS = 0.5
WHOLE_SECONDS = re.compile("[0-9]*[1-9][0-9]*")
TOGETHER = "Fifty clicks on one button are one payment."
LEAVES_SECONDS = 0.6
BRISK_MS = 4_000
"""Nobody waits for it whose payment need not; where 2 s were allowed, a machine at a load of 90 did not do six in them."""
LEAVING_MS = 1_000
"""So short that a service which holds a key for as long as IA-12 allows, 4 times this and 1 s, lets go while it is asked."""
GRACE_SECONDS = 0.3
"""So close together are the answers of two payments of which one waited for the other."""


def test_one_charge(shop: Shop) -> None:
    """IA-12: 50 requests with one key at once are one charge; the others replay it, or are told 409."""
    life = Life(shop)
    shop.bank.plan(life.payment.account, [{"slow": SLOW_SECONDS}] * MANY)
    life.ask_together(MANY)
    shop.bank.plan(life.payment.account)
    for _ in range(3):
        life.answered()
    life.audit()
    lost = [answer for answer in life.answers if answer.status not in {201, 409}]
    if lost:
        shop.expect(lost[0], 201, TOGETHER)
    must_have_one_original(life.answers)
    for answer in life.answers:
        if answer.status == 409 and not WHOLE_SECONDS.fullmatch((answer.headers.get("Retry-After") or "").strip()):
            got = f"Retry-After: {answer.headers.get('Retry-After')}"
            expected = "409 with Retry-After in whole seconds, at least 1"
            fail(answer, expected=expected, got=got, why="It says when to come back.")


def must_have_one_original(answers: list[Answer]) -> None:
    """IA-10: when all are answered, one of them is the first answer, and no replay."""
    paid = [answer for answer in answers if answer.status == 201]
    originals = [answer for answer in paid if REPLAYED not in answer.headers]
    if len(originals) != 1:
        expected, got = f"one 201 without {REPLAYED}", f"{len(originals)} of {len(paid)} answers 201 are without it"
        fail(*paid[:2], expected=expected, got=got, why="One request made the payment; the others repeat its answer.")


def must_all_be_answered(life: Life) -> None:
    """No request may be left without an answer."""
    if life.lost:
        raise life.lost[0]


@pytest.fixture
def brisk(services: Services, service: Service, bank: Bank, rng: random.Random) -> Shop:
    """An instance that does not wait for the ledger as long as the shared one does."""
    return Shop(services.start({**service.env, "LEDGER_TIMEOUT_MS": str(BRISK_MS)}), bank, rng)


def must_overtake(slow: Life, other: Life, why: str) -> None:
    """While the ledger holds one payment, another is made and answered (C-22), each asked for by a few at once."""
    bank = slow.shop.bank
    bank.plan(slow.payment.account, [{"hold": "before"}])
    for _ in range(FEW):
        slow.ask_aside()
    bank.reached(slow.payment.account)
    answers = other.ask_together(FEW)
    # Of a few only one may work; where it met a time-out, which proves nothing, the others may have been told 409.
    answer = min(answers, key=lambda each: (each.status != 201, each.status not in {503, 504}))
    wait(GRACE_SECONDS)
    given_up = [each for each in slow.answers if each.status != 409]
    if given_up and given_up[0].answered < answer.answered + GRACE_SECONDS:
        got = f"it waited {answer.answered - answer.sent:.1f} s, until the ledger was given up"
        expected = "an answer while the ledger still holds the other payment"
        exceeded(given_up[0], answer, deadline=slow.shop.patience, expected=expected, got=got, why=why)
    other.shop.expect(answer, 201, why)
    bank.release(slow.payment.account)
    slow.join()
    slow.finish()
    for life in (slow, other):
        life.audit()


def test_other_keys_go_on(brisk: Shop) -> None:
    """While the ledger holds one key's charge, another key's payment is made."""
    must_overtake(Life(brisk), Life(brisk), "One slow payment must not keep all others waiting.")


def test_other_tenants_go_on(brisk: Shop) -> None:
    """While one tenant's key is in flight, another tenant's payment under the same key is made."""
    slow, other = Life(brisk), Life(brisk.other_tenant())
    other.key = slow.key
    must_overtake(slow, other, "The key is another tenant's: nobody works on it for this one.")


def test_other_payload_in_flight(shop: Shop) -> None:
    """IA-11: another payload while the first is in flight: 422 or 409, and nothing happens."""
    life = Life(shop)
    other = replace(life.payment, amount=life.payment.amount + 1)
    shop.bank.plan(life.payment.account, [{"hold": "before"}])
    life.ask_aside()
    shop.bank.reached(life.payment.account)
    # One that waits for the first is answered only when that goes on.
    releasing = threading.Timer(0.4, lambda: shop.bank.release(life.payment.account))
    releasing.start()
    life.ask(other)
    releasing.join()
    life.join()
    must_all_be_answered(life)
    told = [answer for answer in life.answers if is_of(answer, other.body)]
    for answer in told:
        if answer.status not in {409, 422, 503, 504}:
            why = "The key is taken by another payload, which is being worked on."
            fail(answer, expected="422 or 409", got=answer.line, why=why)
    life.audit()


def is_of(answer: Answer, body: bytes) -> bool:
    """Whether it answers a request with that body."""
    return answer.exchange.request_body == body.decode()


def test_client_leaves(services: Services, service: Service, bank: Bank, rng: random.Random) -> None:
    """IA-12: a client that leaves takes its payment along neither to the grave nor to a second charge."""
    shop = Shop(services.start({**service.env, "LEDGER_TIMEOUT_MS": str(LEAVING_MS)}), bank, rng)
    life = Life(shop)
    bank.plan(life.payment.account, [{"hold": "before"}])
    life.ask(gives_up=LEAVES_SECONDS)
    bank.reached(life.payment.account)
    wait(0.05)
    bank.release(life.payment.account)
    shop.expect(life.finish(), 201, "The ledger moved the money.")
    life.audit()
