"""Stage expiry: keys are kept for a time, and then they are gone."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from life import Life, kill
from vocabulary import Payment, Shop, essence, member, must_be_first, must_replay

from labrunner.checks import (
    GRANULARITY,
    Answer,
    Ask,
    Effort,
    Service,
    Services,
    burst,
    exceeded,
    fail,
    undecided,
    wait,
    wait_until,
)

if TYPE_CHECKING:
    from bank import Bank

TTL = 1.5
"""Seconds that keys are kept in this stage."""
PORTION = 100
PATIENCE = 60.0
"""Seconds for all requests of a check; the runner takes one that is silent for two minutes for hanging."""
FEW_KEYS = 100
SENDERS = 16
DROPPED_SECONDS = 10.0
POLL_SECONDS = 0.25
MIB = 1 << 20
ROUNDS = 3
ROUND_BYTES = 16 * MIB
"""Of all bodies of a round: who keeps what was asked for is found by three of them, whatever their number."""
MOST_STORED = 32 * MIB
COUNTED = 20
FREED_SECONDS = 4.0
DISK_ROOM, MEMORY_ROOM = 8 * MIB, 32 * MIB
FREED = "A service that frees nothing of what its keys needed runs full in the end."
KEPT = "A finished key is kept for KEY_TTL_MS, so that a late retry pays nothing."
GONE = "After KEY_TTL_MS the key is new: whoever uses it then wants another payment."


class ShortLived(Shop):
    """A shop whose keys live `ttl` seconds."""

    ttl = TTL


class Mayflies:
    """Starts instances whose keys do not live long."""

    def __init__(self, services: Services, shared: Service, bank: Bank, rng: random.Random) -> None:
        self._services = services
        self._shared = shared
        self._bank = bank
        self._rng = rng

    def start(self, ttl: float = TTL, timeout_ms: int = 4_000) -> ShortLived:
        """An instance whose keys live so many seconds."""
        env = {"KEY_TTL_MS": str(round(ttl * 1000)), "LEDGER_TIMEOUT_MS": str(timeout_ms)}
        shop = ShortLived(self._services.start({**self._shared.env, **env}), self._bank, self._rng)
        shop.ttl = ttl
        return shop


@pytest.fixture
def mayflies(services: Services, service: Service, bank: Bank, rng: random.Random) -> Mayflies:
    """Starts instances whose keys do not live long."""
    return Mayflies(services, service, bank, rng)


def must_still_replay(shop: ShortLived, key: str, payment: Payment, first: Answer) -> None:
    """IA-22: before its time is over the key gives its answer."""
    answer = shop.expect(shop.pay(key, payment), first.status, KEPT)
    if answer.answered >= first.sent + shop.ttl - GRANULARITY:
        undecided("the key's time was over before the answer came")
    must_replay(first, answer)


def must_be_new(shop: ShortLived, key: str, payment: Payment, first: Answer) -> Answer:
    """IA-22: after its time the key is new, and money moves again, under another reference."""
    wait_until(first.answered + shop.ttl + GRANULARITY)
    second = shop.succeed(key, payment, why=GONE)
    identities = [member(answer, "id", GONE) for answer in (first, second)]
    if identities[0] == identities[1]:
        since = second.sent - first.answered
        got = f"the old one, {identities[0]}, {since:.2f} s after it was answered"
        fail(first, second, expected=f"another payment, for the key's {shop.ttl} s are over", got=got, why=GONE)
    must_be_first(second)
    charges = shop.bank.record(payment.account).charges
    if len(charges) != 2 or charges[0].reference == charges[1].reference:
        got = f"{len(charges)} charges under {len({charge.reference for charge in charges})} references"
        fail(first, second, expected="two charges under two references", got=got, why=GONE)
    return second


def test_kept(mayflies: Mayflies) -> None:
    """IA-22: a key is kept for its time."""
    shop = mayflies.start(ttl=2 * TTL)
    key, payment, first = shop.paid()
    wait_until(first.sent + 0.85 * shop.ttl)
    must_still_replay(shop, key, payment, first)


def test_expires(mayflies: Mayflies) -> None:
    """IA-22: after its time a key is new."""
    shop = mayflies.start()
    key, payment, first = shop.paid()
    must_be_new(shop, key, payment, first)


def test_replays_do_not_lengthen(mayflies: Mayflies) -> None:
    """IA-22: a replay does not lengthen the key's time."""
    shop = mayflies.start()
    key, payment, first = shop.paid()
    for part in (0.3, 0.7):
        wait_until(first.sent + part * shop.ttl)
        must_still_replay(shop, key, payment, first)
    must_be_new(shop, key, payment, first)


def test_restart_does_not_reset(mayflies: Mayflies) -> None:
    """IA-22: neither does a restart."""
    shop = mayflies.start()
    key, payment, first = shop.paid()
    wait_until(first.sent + 0.3 * shop.ttl)
    kill(shop.service)
    shop.service.restart()
    shop.reconnect()
    must_be_new(shop, key, payment, first)


def test_new_payload_after_expiry(mayflies: Mayflies) -> None:
    """IA-22: a key that is new may stand for another payload, and the old payment stays."""
    shop = mayflies.start()
    key, _, first = shop.paid()
    other = shop.new_payment()
    wait_until(first.answered + shop.ttl + GRANULARITY)
    answer = shop.succeed(key, other, why=GONE)
    must_be_first(answer)
    why = "Payments outlive their keys."
    read = shop.get(first.headers.get("Location") or "/payments/none").expect(200, why)
    if essence(read.json(why)) != essence(first.json(why)):
        fail(first, read, expected="the object of the 201", got=read.text, why=why)


def test_unresolved_stays(mayflies: Mayflies) -> None:
    """IA-22, IA-23: an unresolved key does not expire; its time begins when it is resolved."""
    shop = mayflies.start(ttl=1.0, timeout_ms=500)
    life = Life(shop)
    shop.bank.plan(life.payment.account, [{"answer": "drop", "moves": "now"}], [{"answer": "unavailable"}] * 1000)
    answer = life.answered()
    if answer.status == 503:
        expected, free = "504: nobody knows whether the money moved", "503 says that nothing moved: the key is free."
        exceeded(answer, deadline=shop.patience, expected=expected, got=answer.line, why=free)
    if answer.status != 504:
        undecided("the service did not leave the key unresolved")
    wait(2.2)
    other = replace(life.payment, amount=life.payment.amount + 1)
    why = "The money may have moved: until that is known, the key stands for its payment."
    shop.bank.plan(life.payment.account)  # whoever resolves before it compares would answer 504 while closing fails
    shop.expect(life.answered(other), 422, why)
    finish = life.finish().expect(201, why)
    again = life.answered()
    closes = shop.bank.record(life.payment.account).closes
    # Before its reference was closed nobody could finish it: its time begins then, at the earliest.
    if not closes or again.answered >= closes[0].at + shop.ttl - GRANULARITY:
        undecided("the key's time was over before the answer came")
    must_replay(finish, shop.expect(again, 201, KEPT))
    life.audit()


@dataclass(frozen=True)
class Declined:
    """Many keys that were declined.

    Attributes:
        held_until: until that moment the time of none of them can be over.
        over: from that moment on the time of each of them is.
    """

    held_until: float
    over: float


def decline(shop: ShortLived, count: int, padding: int = 0) -> Declined:
    """Have the ledger decline so many payments, each with a key of its own.

    Args:
        shop: whom to ask.
        count: of payments.
        padding: bytes of white space after each body.
    """
    payment = shop.new_payment()
    shop.bank.plan(payment.account, [{"answer": "declined"}] * (2 * count))
    fields = {"Authorization": f"Bearer {shop.tenant}", "Content-Type": "application/json"}
    mark, body = shop.new_key(), payment.body + b" " * padding
    asks = [Ask("/payments", {**fields, "Idempotency-Key": f"{mark}{n}"}, "POST", body) for n in range(count)]
    began = over = time.monotonic()
    held_until = began + TTL - GRANULARITY  # the first of them is sent later
    for begin in range(0, count, PORTION):
        if time.monotonic() > began + PATIENCE:
            undecided("the machine is too slow for so many requests")
        for answer in burst(shop.service, asks[begin : begin + PORTION], connections=SENDERS):
            shop.expect(answer, 402, "The ledger declines.")
            over = max(over, answer.answered + TTL + GRANULARITY)
    return Declined(held_until, over)


def held(shop: ShortLived) -> tuple[int, Answer]:
    """How many keys are held, as the service says."""
    answer = shop.client.get("/stats").expect(200, "It tells how many keys are held.")
    keys = member(answer, "keys", "It tells how many keys are held.")
    if not isinstance(keys, int) or isinstance(keys, bool):
        fail(answer, expected="keys as a whole number", got=f"keys: {keys!r}", why="It is a count.")
    return keys, answer


def must_be_held(shop: ShortLived, count: int) -> None:
    """IA-22, IA-24: keys whose time is not over are held, and counted."""
    declined = decline(shop, count)
    keys, answer = held(shop)
    if keys >= count:
        return
    if answer.answered >= declined.held_until:
        undecided("the first keys' time was over before they were counted")
    fail(answer, expected=f"at least the {count} keys that were just used", got=f"{keys} keys", why=KEPT)


def must_be_dropped(shop: ShortLived, count: int, over: float) -> None:
    """IA-24: of so many keys whose time was over then, hardly any is held soon after."""
    wait_until(over)
    while True:
        keys, answer = held(shop)
        if keys <= FEW_KEYS:
            return
        if time.monotonic() > over + DROPPED_SECONDS:
            expected = f"at most {FEW_KEYS} keys within {DROPPED_SECONDS:.0f} s of the end of {count}"
            why = "A service that keeps every key for ever runs full."
            exceeded(answer, deadline=DROPPED_SECONDS, expected=expected, got=f"{keys} keys", why=why)
        wait(POLL_SECONDS)


def test_keys_are_dropped(mayflies: Mayflies, effort: Effort) -> None:
    """IA-18, IA-24: keys past their time are not held for ever, and their payments are."""
    shop = mayflies.start(ttl=TTL)
    _, _, paid = shop.paid()
    must_be_held(shop, COUNTED)
    count = effort.of(1_000, 5_000, 5_000)
    must_be_dropped(shop, count, decline(shop, count).over)
    must_be_there(shop, paid)


def must_be_there(shop: Shop, paid: Answer) -> None:
    """IA-18: the only payment that succeeded can be read, and is listed."""
    why = "Payments outlive their keys."
    read = shop.get(paid.headers.get("Location") or "/payments/none").expect(200, why)
    listed = shop.page().expect(200, why)
    for answer, got in ((read, essence(read.json(why))), (listed, shop.items(listed))):
        wanted = essence(paid.json(why))
        if got != (wanted if answer is read else [wanted]):
            fail(paid, answer, expected="the object of the 201", got=answer.text, why=why)


def test_storage_is_freed(mayflies: Mayflies, effort: Effort) -> None:
    """IA-24: what expired keys needed, on disk and in memory, serves those that come after them."""
    shop = mayflies.start(ttl=TTL)
    count = effort.of(1_000, 5_000, 5_000)
    measures = {"$DATA_DIR": (shop.service.stored, DISK_ROOM), "memory": (shop.service.memory, MEMORY_ROOM)}
    allowed: dict[str, float] = {}
    for _ in range(ROUNDS):
        must_be_dropped(shop, count, decline(shop, count, ROUND_BYTES // count).over)
        allowed = allowed or {name: 1.5 * measure() + room for name, (measure, room) in measures.items()}
    allowed["$DATA_DIR"] = min(allowed["$DATA_DIR"], MOST_STORED)  # there are no payments, which have room beyond that
    since = time.monotonic()
    for name, (measure, _) in measures.items():
        while (size := measure()) > allowed[name]:
            if time.monotonic() > since + FREED_SECONDS:
                expected = (
                    f"at most {allowed[name] / MIB:.0f} MiB of {name} after {ROUNDS} rounds of {count} expired keys"
                )
                exceeded(deadline=FREED_SECONDS, expected=expected, got=f"{size / MIB:.0f} MiB", why=FREED)
            wait(POLL_SECONDS)
