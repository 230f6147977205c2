"""Stage payments: create, read, validate."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from typing import Any

from bank import Bank
from vocabulary import MEMBERS, Payment, Shop, essence, member

from labrunner.checks import Answer, Broken, Client, Exceeded, Services, exceeded, fail

STOP_SECONDS = 5.0
TARRY_SECONDS = 1.0
NEEDED_SECONDS = 2.0
"""So long may a request in flight at SIGTERM need (C-6); one that a stalled ledger holds for longer may be given up."""
PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))
ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
ANONYMOUS = "Whose money is it? Nobody pays, or reads, without saying who they are."
INVALID = "What the contract does not allow is refused before any money moves."


def test_healthy(client: Client) -> None:
    """C-3: it says that it is ready."""
    client.get("/healthz").expect(200, why="Nobody sends requests to a service that does not say it is ready.")


def test_graceful_stop(services: Services, bank: Bank, shop: Shop) -> None:
    """C-6: after SIGTERM it finishes what is in flight, waits for no idle connection, and exits with 0, in time."""
    own = Shop(services.start(), bank, shop.rng)
    key, payment = own.new_key(), own.new_payment()
    bank.plan(payment.account, [{"tarry": TARRY_SECONDS}])
    # Neither one whose request was answered nor one that never had any is in flight: both are idle.
    idle, silent = own.service.client(), own.service.connect()
    idle.get("/healthz").expect(200, why="It runs.")
    answers: list[Answer] = []

    def pay() -> None:
        with contextlib.suppress(Broken, Exceeded):  # that there is no answer is judged below
            answers.append(own.pay(key, payment))

    paying = threading.Thread(target=pay, daemon=True)
    paying.start()
    bank.reached(payment.account, "acted")
    end = own.service.stop(within=STOP_SECONDS)
    paying.join()
    idle.close()
    silent.close()
    why = "Every deployment ends with SIGTERM; a service that must be killed, or drops what it began, loses payments."
    if end.code is None:
        expected = f"an end within {STOP_SECONDS:.0f} s of SIGTERM"
        exceeded(*answers, deadline=STOP_SECONDS, expected=expected, got="it still ran and was killed", why=why)
    if end.code != 0:
        got = f"exit code {end.code}" if end.code > 0 else f"killed by signal {-end.code}: nothing handles SIGTERM"
        fail(*answers, expected="exit code 0 after SIGTERM", got=got, why=why)
    if not answers:
        expected = "201 for the payment that was in flight when SIGTERM came"
        if end.seconds < NEEDED_SECONDS:
            fail(expected=expected, got="no answer", why=why)
        exceeded(deadline=STOP_SECONDS, expected=expected, got=f"no answer in {end.seconds:.1f} s", why=why)
    own.expect(answers[0], 201, why)


def test_created(shop: Shop) -> None:
    """IA-9: a payment is charged, once, and answered with all that it is."""
    longest = "a" + "".join(shop.rng.choices(PRINTABLE, k=62)) + "z"
    for payment in (
        shop.new_payment(),
        shop.new_payment(amount=10**12),
        shop.new_payment(amount=1),
        shop.new_payment(account=longest),
    ):
        answer = shop.succeed(shop.new_key(), payment)
        charge = must_be(answer, payment)
        record = shop.must_be_charged_once(payment, answer, why="One payment moves its money once.")
        order = record.orders[0]
        if order["charge_id"] != charge:
            got = f"charge_id: {charge!r}"
            fail(answer, expected=f"charge_id: {order['charge_id']!r}, the ledger's", got=got, why="It is the receipt.")
        wrong = [name for name in MEMBERS if order[name] != payment.members[name]]
        if wrong:
            expected, got = (f"{wrong[0]} {each[wrong[0]]!r} at the ledger" for each in (payment.members, order))
            fail(answer, expected=expected, got=got, why="The ledger moves what it is told, from where it is told.")


def must_be(answer: Answer, payment: Payment) -> Any:
    """The 201's object and its ``Location``; returns the charge's id."""
    why = "The client keeps this object, and finds it again under Location."
    for name, wanted in (*payment.members.items(), ("status", "succeeded")):
        got = member(answer, name, why)
        if got != wanted or isinstance(got, bool):
            fail(answer, expected=f"{name}: {wanted!r}", got=f"{name}: {got!r}", why=why)
    identity = member(answer, "id", why)
    if not isinstance(identity, str) or not ID.fullmatch(identity):
        fail(answer, expected="an id of 1 to 64 of A-Z, a-z, 0-9, _ and -", got=f"id: {identity!r}", why=why)
    if answer.headers.get("Location") != f"/payments/{identity}":
        got = f"Location: {answer.headers.get('Location')}"
        fail(answer, expected=f"Location: /payments/{identity}", got=got, why=why)
    return member(answer, "charge_id", why)


def test_read_back(shop: Shop) -> None:
    """IA-18: a payment can be read as it was answered; what does not exist is not found."""
    _, _, created = shop.paid()
    why = "What was paid can be looked up."
    answer = shop.get(created.headers.get("Location") or "/payments/none").expect(200, why)
    if essence(answer.json(why)) != essence(created.json(why)):
        fail(created, answer, expected="the object of the 201", got=answer.text, why=why)
    unknown = "".join(shop.rng.choices("abcdefgh0123456789", k=20))
    shop.get(f"/payments/{unknown}").expect(404, why="There is no such payment.")
    shop.get(f"/{unknown}").expect(404, why="There is no such path.")


def test_authorization(shop: Shop) -> None:
    """IA-5: without a bearer of the right form it is 401, with WWW-Authenticate."""
    payment = shop.new_payment()
    for value in (None, "Basic a2ltOnB3", "Bearer", "Bearer a b", "Bearer k!m", f"Bearer {'x' * 65}"):
        fields = {"Idempotency-Key": shop.new_key()} | ({} if value is None else {"Authorization": value})
        for answer in (
            shop.client.post("/payments", headers=fields, body=payment.body),
            shop.client.get("/payments", headers=fields),
            shop.client.get("/payments/none", headers=fields),
        ):
            answer.expect(401, ANONYMOUS)
            if "WWW-Authenticate" not in answer.headers:
                fail(answer, expected="a header field WWW-Authenticate", got="none", why="It says how to sign in.")
    must_not_be_charged(shop, payment)
    for scheme, tenant in (("bearer", "x" * 64), ("BEARER", "a-b_C9")):
        fields = {"Authorization": f"{scheme} {tenant}"}
        shop.client.get("/payments", headers=fields).expect(200, why="A scheme's name is the same in any case.")


def must_not_be_charged(shop: Shop, payment: Payment) -> None:
    """No money was moved for that account."""
    calls = shop.bank.record(payment.account).calls
    if calls:
        fail(expected="no charge request at the ledger", got=f"{len(calls)} for refused requests", why=INVALID)


def test_key_needed(shop: Shop) -> None:
    """IA-5: without a key nothing is paid."""
    payment = shop.new_payment()
    why = "Without a key nobody can tell a retry from a second payment."
    shop.post(None, payment.body).expect(400, why)
    shop.post("", payment.body).expect(400, why)
    twice = [("Authorization", f"Bearer {shop.tenant}"), ("Idempotency-Key", shop.new_key())]
    twice.append(("Idempotency-Key", shop.new_key()))
    shop.client.post("/payments", headers=twice, body=payment.body).expect(400, why="Of two keys, which one counts?")
    must_not_be_charged(shop, payment)


def test_bad_body(shop: Shop) -> None:
    """IA-7: a body that is not exactly what is asked for is refused, and nothing is charged."""
    payment = shop.new_payment()
    for body in bad_bodies(payment.members):
        shop.post(shop.new_key(), body).expect(400, why=f"{INVALID} {body[:60]!r} is not allowed.")
    must_not_be_charged(shop, payment)


def bad_bodies(good: dict[str, Any]) -> list[bytes]:
    """One rule broken at a time."""
    changed: list[Any] = [
        *({"amount": amount} for amount in (0, -1, 10**12 + 1, True, "5", 2.5, None)),
        *({"currency": currency} for currency in ("eur", "GBP", "", None, 1)),
        *({"account": account} for account in ("", "x" * 65, "tab\there", "caf\u00e9", None, 7)),
        {"note": "a further member"},
    ]
    missing = [{name: good[name] for name in MEMBERS if name != left_out} for left_out in MEMBERS]
    whole = [[good], "text", None, 1]
    texts = [json.dumps(each).encode() for each in ([good | change for change in changed] + missing + whole)]
    return [*texts, b"", b"{", json.dumps(good).encode() + b"x", b"\xff\xfe{}"]
