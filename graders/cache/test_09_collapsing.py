"""Stage collapsing: one request does for many, and never for somebody whom it is not for."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

from test_08_eviction import must_have_stats
from vocabulary import Aside, Site, describe, read, told_of

from labrunner.checks import Answer, Ask, Broken, Services, burst, exceeded, fail, wait

if TYPE_CHECKING:
    from collections.abc import Callable

MANY = 100
SOME = 12
LONG_MS = 15_000
"""An origin's time-out that no hold of these checks reaches."""
GIVE_UP = 6.0
STAYING = 10.0
GATHER_SECONDS = 0.4
"""So long the first forward is held, so that others find it under way; who comes later is right in any case."""
NOTICED_SECONDS = 1.5
"""So long after a client left a service has seen it."""
SIDE_BY_SIDE = 3
ONE = "A hundred clients who want the same thing at once are no reason to ask a hundred times."
TOLD = "Who waited for another's request did not make one (CA-25)."
SHARED = "What may not be stored is for one client, and waiting for it changes nothing of that."
FOR_WHOM = "The answer that somebody else waits for may be none for this client."
FREED = "Whoever waits for another's request is told how it ended."
FIELDS = [["Cache-Control", "max-age=3600"]]


def during(site: Site, asks: list[Ask], act: Callable[[], None], forward: int = 1) -> list[Answer]:
    """These requests of one target at once, and what is done meanwhile once that forward is at the origin."""

    def watch() -> None:
        if site.source.is_reached(asks[0].target, forward):
            wait(GATHER_SECONDS)
            act()

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    answers = burst(site.service, asks, deadline=GIVE_UP)
    watching.join()
    return answers


def test_stampede(site: Site, services: Services) -> None:
    """CA-25: a hundred GETs of one storable URI are one forward, whatever their order."""
    stampede(site.own(services, ORIGIN_TIMEOUT_MS=LONG_MS), MANY)


def stampede(own: Site, count: int) -> list[Answer]:
    """So many GETs of what is not stored; judged."""
    target = own.new_target()
    own.source.plan(target, {"fields": FIELDS, "hold": True}, then={"fields": FIELDS})
    answers = during(own, [Ask(target)] * count, lambda: own.source.release(target))
    must_be_one(own, target, answers, 0)
    return answers


def must_be_one(site: Site, target: str, answers: list[Answer], before: int) -> None:
    """All have the last forward's answer, and there was one more than before; it is told who waited for it."""
    count = before + 1
    calls = site.source.calls(target)
    if len(calls) != count:
        fail(*answers[:2], expected=f"{count} at the origin", got=f"{len(calls)} for {len(answers)} clients", why=ONE)
    for answer in answers:
        got = read(site.well(answer).expect(200, why=ONE))
        if got.number != calls[-1].number:
            fail(answer, expected=f"answer {calls[-1].number} for everybody", got=describe(got), why=ONE)
    leading = [answer for answer in answers if not {"hit", "collapsed"} & {*told_of(answer)}]
    if len(leading) != 1:
        fail(*leading[:2], expected="one that was forwarded; the others are hits, or collapsed",
             got=f"{len(leading)} of {len(answers)} without hit or collapsed", why=TOLD)  # fmt: skip


def test_counted(site: Site, services: Services) -> None:
    """CA-31: who waited is counted, among the misses too."""
    own = site.own(services, ORIGIN_TIMEOUT_MS=LONG_MS)
    answers = stampede(own, SOME)
    waited, hits = (sum(name in told_of(answer) for answer in answers) for name in ("collapsed", "hit"))
    must_have_stats(own, hits=hits, misses=SOME - hits, collapsed=waited)


def test_stale_stampede(site: Site, services: Services) -> None:
    """CA-25: also for a stale entry: one validates, the others wait."""
    own = site.own(services, ORIGIN_TIMEOUT_MS=LONG_MS)
    target = own.new_target()
    old = {"fields": [["Cache-Control", "max-age=60"]], "date": -200, "etag": '"a"', "validates": True}
    new = {"fields": FIELDS, "etag": '"a"', "validates": True}
    own.source.plan(target, old, new | {"hold": True}, then=new)
    own.well(own.ask(target))
    answers = during(own, [Ask(target)] * MANY, lambda: own.source.release(target), forward=2)
    must_be_one(own, target, answers, 1)


def test_others_go_on(site: Site, services: Services) -> None:
    """CA-25: other URIs never wait, neither misses nor hits."""
    own = site.own(services, ORIGIN_TIMEOUT_MS=LONG_MS)
    target, stored, missing = own.new_target(), own.new_target(), own.new_target()
    own.source.plan(target, {"fields": FIELDS, "hold": True}, then={"fields": FIELDS})
    for other in (stored, missing):
        own.source.plan(other, then={"fields": FIELDS})
    own.client.get(stored).expect(200, why=ONE)

    def ask_others() -> None:
        client = own.service.client()
        try:
            for other in (stored, missing):
                client.get(other, deadline=5.0).expect(200, why="A slow address makes no other one slow.")
        except BaseException as fault:  # noqa: BLE001 - raised again where the check can end by it
            raised.append(fault)
        own.source.release(target)

    raised: list[BaseException] = []
    during(own, [Ask(target)] * SOME, ask_others)
    if raised:
        raise raised[0]


def test_not_shared(site: Site, services: Services) -> None:
    """CA-26: private answers are never shared, and those who waited forward side by side."""
    own = site.own(services, ORIGIN_TIMEOUT_MS=LONG_MS)
    for fields in ([["Cache-Control", "private, max-age=60"]], [["Cache-Control", "no-store"]], []):
        target = own.new_target()
        own.source.plan(target, then={"fields": fields, "hold": True})
        seen: list[bool] = []

        def act(target: str = target, seen: list[bool] = seen) -> None:
            own.source.release(target)
            seen.append(own.source.is_reached(target, SIDE_BY_SIDE, within=2.0))
            release_all(own, target)

        answers = during(own, [Ask(target)] * SOME, act)
        numbers = [read(own.well(answer)).number for answer in answers]
        if len(set(numbers)) != len(numbers):
            twice = next(number for number in numbers if numbers.count(number) > 1)
            shown = [answer for answer in answers if read(answer).number == twice][:2]
            fail(*shown, expected="an answer of the origin's for each client", got=f"{twice} for two", why=SHARED)
        if seen != [True]:
            exceeded(*answers[:2], deadline=2.0, expected="those who waited ask the origin side by side",
                     got="one after another", why=SHARED)  # fmt: skip


def release_all(site: Site, target: str) -> None:
    """Also those who come late."""
    for _ in range(60):
        site.source.release(target)
        if site.source.is_reached(target, SOME, what="answered", within=0.1):
            return


def test_apart(site: Site, services: Services) -> None:
    """CA-26: who waits is served only what is selected for it; what somebody signed in was told is for nobody else."""
    own = site.own(services, ORIGIN_TIMEOUT_MS=LONG_MS)
    for name, values, fields in (
        ("X-Lang", ["de", "en", "fr"], [*FIELDS, ["Vary", "X-Lang"]]),
        ("Authorization", [f"Bearer {number}" for number in range(SOME)], FIELDS),
    ):
        target = own.new_target()
        own.source.plan(target, then={"fields": fields, "hold": True})
        asks = [Ask(target, {name: values[number % len(values)]}) for number in range(SOME)]
        answers = during(own, asks, partial(release_all, own, target))
        told = {call.number: call.values(name) for call in own.source.calls(target)}
        for ask, answer in zip(asks, answers, strict=True):
            number = read(own.well(answer).expect(200, why=FOR_WHOM)).number or 0
            if told.get(number) != [ask.headers[name]]:
                got = f"answer {number}, to {name}: {', '.join(told.get(number, ['nobody']))}"
                fail(answer, expected=f"an answer to {name}: {ask.headers[name]}", got=got, why=FOR_WHOM)


def test_failed(site: Site, services: Services) -> None:
    """CA-26: a forward that fails releases everybody."""
    own = site.own(services, ORIGIN_TIMEOUT_MS=LONG_MS)
    for step in ({"ends": "drop"}, {"status": 503}, {"ends": "short", "size": 9000}):
        target = own.new_target()
        own.source.plan(target, step | {"hold": True}, then={"fields": FIELDS})
        waiting = [Aside(own, target, GIVE_UP) for _ in range(SOME)]
        own.source.reached(target)
        wait(GATHER_SECONDS)
        own.source.release(target)
        for each in waiting:
            try:
                answer = each.answer()
            except Broken:
                if step.get("ends") != "short":  # who shares what ends short is to see that it does (CA-3)
                    raise
                continue
            if answer.status not in {200, 502, 503, 504}:
                fail(answer, expected="the failure, or an answer of the origin's", got=answer.line, why=FREED)


def test_first_leaves(site: Site, services: Services) -> None:
    """CA-27: the first client goes away; the forward goes on for the others."""
    own = site.own(services, ORIGIN_TIMEOUT_MS=LONG_MS)
    target = own.new_target()
    own.source.plan(target, {"fields": FIELDS, "hold": True}, then={"fields": FIELDS})
    leaving = threading.Thread(target=lambda: own.service.client().attempt(target, deadline=1.0), daemon=True)
    leaving.start()
    own.source.reached(target)
    staying = Aside(own, target, STAYING)
    leaving.join()
    wait(NOTICED_SECONDS)
    own.source.release(target)
    answer = staying.answer()
    count = len(own.source.calls(target))
    if answer.status != 200 or count != 1:
        # That the second had joined before the first left is likely, and no more: so three times (C-21).
        got, why = f"{answer.line}, {count} at the origin", "It is the request of all who wait."
        exceeded(answer, deadline=1.0, expected="200 from the one forward", got=got, why=why)
