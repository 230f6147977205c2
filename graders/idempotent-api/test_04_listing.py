"""Stage listing: newest first, page by page."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from bank import Bank
from vocabulary import Shop, essence, member

from labrunner.checks import Answer, Services, burst, fail

if TYPE_CHECKING:
    from collections.abc import Callable

NEWEST_FIRST = "A payment that was answered before another's key was first sent is older."
PAGES = "Following next shows each payment that was there at the first page exactly once."
DEFAULT_LIMIT, LARGEST_LIMIT = 20, 100
STOP_SECONDS = 5.0
MOST_PAGES = 100
AT_ONCE = 30
PAYERS, PAYMENTS = 3, 15
TOGETHER = "Payments that are made at once have some order, the same in every list."


def pay(shop: Shop, count: int, account: str | None = None) -> list[dict[str, Any]]:
    """So many payments, one after the other; their objects, the newest first."""
    paid = []
    for _ in range(count):
        payment = shop.new_payment() if account is None else shop.new_payment(account=account)
        paid.append(essence(shop.succeed(shop.new_key(), payment).json("It is the payment.")))
    return paid[::-1]


def pay_together(shop: Shop, count: int) -> list[dict[str, Any]]:
    """So many payments, released together; their objects, in no order."""
    asks = [shop.ask(shop.new_key(), shop.new_payment().body) for _ in range(count)]
    answers = burst(shop.service, asks, connections=AT_ONCE, deadline=shop.longest)
    return [essence(shop.expect(answer, 201, TOGETHER).json("It is the payment.")) for answer in answers]


def must_agree(shop: Shop, paid: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """IA-19, IA-20: the list of these payments, which is the same in pages of any size."""
    whole = shop.page(limit=100).expect(200, PAGES)
    listed = shop.items(whole)
    if sorted(listed, key=by_id) != sorted(paid, key=by_id):
        must_be(whole, listed, paid, TOGETHER)
    for limit in (1, 4):
        first = shop.page(limit=limit).expect(200, PAGES)
        must_be(first, follow(shop, first, limit=limit), listed, f"{PAGES} {TOGETHER}")
    return listed


def by_id(item: dict[str, Any]) -> str:
    """For an order that says nothing."""
    return str(item.get("id"))


def follow(shop: Shop, first: Answer, **parameters: str | int) -> list[dict[str, Any]]:
    """All payments from that page on."""
    found, answer = shop.items(first), first
    pages = 1
    while (cursor := member(answer, "next", PAGES)) is not None:
        answer = shop.page(cursor=cursor, **parameters).expect(200, PAGES)
        found += shop.items(answer)
        pages += 1
        if pages > MOST_PAGES:
            fail(first, answer, expected="an end of the list: next: null", got=f"a page after {pages} pages", why=PAGES)
    return found


def must_be(answer: Answer, got: list[dict[str, Any]], wanted: list[dict[str, Any]], why: str) -> None:
    """The same payments in the same order."""
    if got == wanted:
        return
    ids = [[item.get("id") for item in items] for items in (wanted, got)]
    if ids[0] == ids[1]:
        fail(answer, expected="each item as the 201's object", got=answer.text, why="A list shows the same payments.")
    twice = [identity for identity in ids[1] if ids[1].count(identity) > 1]
    missing = [identity for identity in ids[0] if identity not in ids[1]]
    told = (
        f"{twice[0]} twice"
        if twice
        else f"{missing[0]} is missing"
        if missing
        else f"in another order, or more: {ids[1]}"
    )
    fail(answer, expected=f"{len(wanted)} payments: {', '.join(map(str, ids[0][:6]))} ...", got=told, why=why)


def test_newest_first(shop: Shop) -> None:
    """IA-19: the tenant's payments, as they were answered, the newest first."""
    if shop.items(empty := shop.page().expect(200, "A list may be empty.")) or member(empty, "next", PAGES) is not None:
        fail(empty, expected="no items, and next: null", got=empty.text, why="Nothing was paid yet.")
    paid = pay(shop, 5)
    answer = shop.page().expect(200, NEWEST_FIRST)
    must_be(answer, shop.items(answer), paid, NEWEST_FIRST)


def test_one_account(shop: Shop) -> None:
    """IA-19: with account, only that account's payments."""
    mine, other = shop.new_payment().account + " &=+", shop.new_payment().account
    paid: list[dict[str, Any]] = []
    for _ in range(3):
        pay(shop, 1, other)
        paid = pay(shop, 1, mine) + paid
    why = "Who asks for one account wants to see that one."
    answer = shop.page(account=mine).expect(200, why)
    must_be(answer, shop.items(answer), paid, why)
    first = shop.page(account=mine, limit=2).expect(200, why)
    must_be(first, follow(shop, first, account=mine, limit=2), paid, PAGES)


def test_limits(shop: Shop) -> None:
    """IA-19: a page has as many payments as were asked for, 20 unless said otherwise."""
    paid = pay(shop, DEFAULT_LIMIT + 2)
    for parameters, count in (({}, DEFAULT_LIMIT), ({"limit": 1}, 1), ({"limit": 100}, DEFAULT_LIMIT + 2)):
        answer = shop.page(**parameters).expect(200, "A limit from 1 to 100 is allowed.")
        must_be(answer, shop.items(answer), paid[:count], f"This page has {count} payments.")
        is_last = member(answer, "next", PAGES) is None
        if is_last != (count == len(paid)):
            expected = "next: null, for nothing is left" if count == len(paid) else "a cursor as next, for more is left"
            fail(answer, expected=expected, got="null" if is_last else "a cursor", why=PAGES)
    exact = shop.page(limit=DEFAULT_LIMIT + 2).expect(200, PAGES)
    must_be(exact, follow(shop, exact, limit=DEFAULT_LIMIT + 2), paid, PAGES)
    many = shop.other_tenant()
    pay_together(many, LARGEST_LIMIT + 1)
    answer = many.page(limit=LARGEST_LIMIT).expect(200, "A limit from 1 to 100 is allowed.")
    if (count := len(many.items(answer))) != LARGEST_LIMIT:
        expected, got = f"{LARGEST_LIMIT} of {LARGEST_LIMIT + 1} payments", f"{count}"
        fail(answer, expected=expected, got=got, why="This page has as many as were asked for.")


def test_bad_parameters(shop: Shop) -> None:
    """IA-19: an invalid limit or cursor is refused."""
    for limit in ("0", "101", "-1", "ten", "2.5"):
        shop.page(limit=limit).expect(400, why="A limit is a whole number from 1 to 100.")
    for cursor in ("!", "nonsense", shop.new_key(40)):
        shop.page(cursor=cursor).expect(400, why="No page ever gave this cursor.")


def test_pages(shop: Shop) -> None:
    """IA-19, IA-20: following next shows every payment exactly once, with any limit, those made at once, too."""
    paid = pay(shop, 9)
    for limit in (1, 2, 4):
        first = shop.page(limit=limit).expect(200, PAGES)
        must_be(first, follow(shop, first, limit=limit), paid, PAGES)
    other = shop.other_tenant()
    must_agree(other, pay_together(other, AT_ONCE))


def test_stable_pages(shop: Shop) -> None:
    """IA-20: payments that come meanwhile move nothing, whether between two pages or at any moment."""
    must_stay(shop, lambda: pay(shop, shop.rng.randint(1, 3)))
    busy, is_over = shop.other_tenant(), threading.Event()

    def insert(payer: Shop) -> None:
        for _ in range(PAYMENTS):  # so few that the pages end, however long they take
            if not is_over.is_set():
                pay(payer, 1)

    with ThreadPoolExecutor(PAYERS) as pool:
        paying = [pool.submit(insert, busy.twin()) for _ in range(PAYERS)]
        try:
            must_stay(busy, lambda: None)
        finally:
            is_over.set()
    for each in paying:
        each.result()


def must_stay(shop: Shop, between: Callable[[], object]) -> None:
    """Payments that are there at the first page are shown once and in order, and no other twice."""
    paid = pay(shop, 8)
    answer = shop.page(limit=3).expect(200, PAGES)
    found = shop.items(answer)
    while (cursor := member(answer, "next", PAGES)) is not None and len(found) < 60:
        between()
        answer = shop.page(limit=3, cursor=cursor).expect(200, PAGES)
        found += shop.items(answer)
    ids = [item.get("id") for item in found]
    if repeated := [identity for identity in ids if ids.count(identity) > 1]:
        got = f"{repeated[0]} on two pages, when payments were added in between"
        fail(answer, expected="each payment on one page", got=got, why=PAGES)
    old = [item for item in found if item in paid]
    must_be(answer, old, paid, PAGES)


def test_pages_after_restart(services: Services, bank: Bank, shop: Shop) -> None:
    """IA-19, IA-20: order and cursors outlive a restart."""
    own = Shop(services.start(), bank, shop.rng)
    paid = pay(own, 6)
    first = own.page(limit=2).expect(200, PAGES)
    cursor = member(first, "next", PAGES)
    other = own.other_tenant()
    together = must_agree(other, pay_together(other, AT_ONCE))
    own.service.stop(within=STOP_SECONDS)
    own.service.restart()
    own.reconnect()
    other.reconnect()
    why = "A restart is nothing that a client should notice: payments, their order and cursors stay."
    answer = own.page().expect(200, why)
    must_be(answer, own.items(answer), paid, why)
    rest = own.page(limit=2, cursor=str(cursor)).expect(200, why)
    must_be(rest, own.items(first) + follow(own, rest, limit=2), paid, why)
    newer = pay(own, 1)
    answer = own.page().expect(200, why)
    must_be(answer, own.items(answer), newer + paid, why)
    again = other.page(limit=LARGEST_LIMIT).expect(200, why)
    must_be(again, other.items(again), together, f"{why} {TOGETHER}")
    must_agree(other, together)
