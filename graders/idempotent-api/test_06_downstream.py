"""Stage downstream: the ledger says no, not now, or nothing at all because it is not there."""

from __future__ import annotations

import random

from bank import Bank
from life import Life
from vocabulary import Shop, must_be_first, must_replay

from labrunner.checks import Client, Companions, Services, fail

DECLINED = "The ledger's no is an answer: a retry gets it again, and must not try its luck."
NOT_NOW = "The ledger moved nothing, so nothing is recorded: the key is as if never used."
TRIES = 3


def test_declined(shop: Shop) -> None:
    """IA-9, IA-10: a decline finishes the key, is recorded, and is replayed."""
    life = Life(shop)
    shop.bank.plan(life.payment.account, [{"answer": "declined"}] * 9)
    first = shop.expect(life.answered(), 402, DECLINED)
    must_be_first(first)
    for _ in range(2):
        must_replay(first, shop.expect(life.answered(), 402, DECLINED))
    life.audit()


def test_no_payment_of_declined(shop: Shop) -> None:
    """IA-18: what was declined is no payment."""
    life = Life(shop)
    shop.bank.plan(life.payment.account, [{"answer": "declined"}] * 9)
    declined = shop.expect(life.answered(), 402, DECLINED)
    answer = shop.page(account=life.payment.account).expect(200, "Payments can be read.")
    if shop.items(answer):
        fail(declined, answer, expected="no items", got=answer.text, why="Only succeeded payments exist.")


def test_unavailable(shop: Shop) -> None:
    """IA-13: the ledger's 503 is answered 503, and not recorded."""
    life = Life(shop)
    shop.bank.plan(life.payment.account, [{"answer": "unavailable"}] * 9)  # a lost answer makes for one more charge
    for _ in range(2):
        shop.expect(life.answered(), 503, NOT_NOW)
    shop.bank.plan(life.payment.account)
    answer = shop.expect(life.answered(), 201, NOT_NOW)
    must_be_first(answer)
    life.audit()


def test_unavailable_frees_the_key(shop: Shop) -> None:
    """IA-13: after 503 the key may stand for another payload."""
    key, refused, other = shop.new_key(), shop.new_payment(), shop.new_payment()
    shop.bank.plan(refused.account, [{"answer": "unavailable"}] * 9)  # as above
    shop.expect(shop.pay(key, refused), 503, NOT_NOW)
    answer = shop.succeed(key, other, why=NOT_NOW)
    must_be_first(answer)
    shop.must_be_charged_once(other, answer)
    shop.expect(shop.pay(key, refused), 422, "Now the key stands for the payment that succeeded.")
    if charges := shop.bank.record(refused.account).charges:
        fail(answer, expected="no charge for the refused payload", got=f"{len(charges)}", why=NOT_NOW)


def test_ledger_away(services: Services, companions: Companions, shop: Shop, rng: random.Random) -> None:
    """C-3, IA-13: without a ledger the service starts and is healthy; a payment waits for the ledger's return."""
    ledger = companions.start("ledger")
    ledger.kill()
    service = services.start({**shop.service.env, "LEDGER_URL": ledger.url, "LEDGER_TIMEOUT_MS": "600"})
    own = Shop(service, Bank(ledger), rng)
    client: Client = service.client()
    client.get("/healthz").expect(200, why="Health is about this process alone, not about what it depends on.")
    life = Life(own)
    answer = life.answered()
    if answer.status not in {503, 504}:
        why = "Nobody listens there: nothing can have been paid."
        fail(answer, expected="503, or 504 for an unknown outcome", got=answer.line, why=why)
    ledger.restart()
    answer = life.finish()
    own.expect(answer, 201, "The ledger is back, and the client tries again.")
    life.audit()
