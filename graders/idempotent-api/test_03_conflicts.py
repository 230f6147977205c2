"""Stage conflicts: one key, two payloads; one key, two tenants."""

from __future__ import annotations

from dataclasses import replace

from vocabulary import CURRENCIES, Shop, must_be_first, must_repeat, must_replay

from labrunner.checks import fail

CONFLICT = "One key stands for one payment: with another payload it is a mistake of the client's, and must be told."


def test_other_payload(shop: Shop) -> None:
    """IA-11: a finished key with another payload is 422, and nothing happens."""
    key, payment, first = shop.paid()
    currency = next(name for name in CURRENCIES if name != payment.currency)
    others = (
        replace(payment, amount=payment.amount % 10**6 + 1),
        replace(payment, currency=currency),
        shop.new_payment(amount=payment.amount, currency=payment.currency),
    )
    for other in others:
        shop.expect(shop.pay(key, other), 422, CONFLICT)
    if calls := shop.bank.record(others[2].account).calls:
        got = f"{len(calls)} charge requests for the other payload"
        fail(first, expected="no charge request", got=got, why=CONFLICT)
    shop.must_be_charged_once(payment, first, why=CONFLICT)
    must_repeat(first, shop.expect(shop.pay(key, payment), 201, "The key still stands for its payment."))


def test_refused_is_not_used(shop: Shop) -> None:
    """IA-13: a request that was refused uses no key up."""
    key, payment = shop.new_key(), shop.new_payment()
    shop.post(key, b'{"amount": 0}').expect(400, why="The body is invalid.")
    shop.client.post("/payments", headers={"Idempotency-Key": key}, body=payment.body).expect(401, why="Nobody asks.")
    must_be_first(shop.succeed(key, payment, why="The key was never used: what came with it before was refused."))


def test_refusal_order(shop: Shop) -> None:
    """IA-5: of two mistakes, the first that applies is told."""
    key, payment, _ = shop.paid()
    why = "IA-5 is a list, in order: who, which key, what; then what the key means."
    bad_body = b'{"amount": "much"}'
    shop.client.post("/payments", headers={"Idempotency-Key": '"'}, body=bad_body).expect(401, why)
    shop.post('"', payment.body).expect(400, why)
    shop.post(key, bad_body).expect(400, why)


def test_tenants_apart(shop: Shop) -> None:
    """One tenant's keys and payments are invisible to another."""
    key, payment, first = shop.paid()
    other = shop.other_tenant()
    elsewhere = other.new_payment()
    why = "Two tenants may choose the same key; it has nothing to do with the other's."
    answer = other.expect(other.pay(key, elsewhere), 201, why)
    must_be_first(answer)
    other.must_be_charged_once(elsewhere, answer, why=why)
    same = other.other_tenant()
    answer = same.expect(same.pay(key, payment), 201, why)
    must_be_first(answer)
    folded = shop.other_tenant(shop.tenant.swapcase())
    must_be_first(
        folded.succeed(key, payment, why="A tenant's name is taken as it is: in other letters it is another's.")
    )
    must_replay(first, shop.expect(shop.pay(key, payment), 201, why))
    for mark in ("-", "_", ""):  # a tenant's name is made of these, so glued to the key it may end anywhere
        near = shop.other_tenant(f"{shop.tenant}{mark}x")
        tail = shop.new_key(8)
        must_be_first(shop.succeed(f"x{mark}{tail}", shop.new_payment()))
        must_be_first(near.succeed(tail, near.new_payment(), why=why))


def test_reads_apart(shop: Shop) -> None:
    """IA-18, IA-19: nobody reads another tenant's payments."""
    _, payment, first = shop.paid()
    why = "What another tenant paid is nobody's business."
    for other in (shop.other_tenant(), shop.other_tenant(shop.tenant.swapcase())):
        other.get(first.headers.get("Location") or "/payments/none").expect(404, why)
        for answer in (other.page(), other.page(account=payment.account)):
            if other.items(answer.expect(200, why)):
                fail(first, answer, expected="an empty list for another tenant", got=answer.text, why=why)
