"""Stage shard-down: what needs a shard that is down fails fast, and nothing else notices."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from environment import PROMPT_MS
from fleet import BACK_SECONDS, Aside, Fleet, hurt, keys_by_shard, settle, until_served
from vocabulary import JSON, SLACK, Router, encoded, items_of, member, must_be_item, record, shown

from labrunner.checks import (
    Answer,
    Ask,
    Companion,
    Companions,
    Services,
    fail,
    note_deadline,
    wait_until,
)

FORMS = ("kill", "pause", "cut")
OTHERS_SECONDS = 1.0
LENIENT_MS = 1500
"""A time-out where it is judged what the shard that is well does meanwhile, which a stall of half a second must not end."""
WAITING = 50
FAST = "Who waits for a shard that is silent holds up everybody behind."
OTHERS = "One shard is down; the others have done nothing wrong."
PARTIAL = "Most of an answer, and what it lacks, is better than none."
TOLD = "Operators look here first."


class Halved:
    """Two shards with five records each, one of them about to fail.

    Args:
        services: starts routers.
        companions: starts shards.
        rng: of the check.
        timeout_ms: ``SHARD_TIMEOUT_MS``.

    Attributes:
        router: before them.
        victim: id of the shard that fails.
        lost: the keys on it.
        kept: the keys on the other one.
        versions: of all of them.
    """

    def __init__(
        self, services: Services, companions: Companions, rng: random.Random, *, timeout_ms: int = PROMPT_MS
    ) -> None:
        self.fleet = Fleet(services, companions, rng, 2, timeout_ms=timeout_ms, proxied=1)
        self.router = self.fleet.start()
        by_shard = keys_by_shard(self.router, 5)
        (self.victim,) = self.fleet.proxied
        (other,) = set(self.fleet.shards) - {self.victim}
        self.lost, self.kept = by_shard[self.victim], by_shard[other]
        for key in (self.lost[0], self.kept[0]):
            settle(self.router, key)
        self.versions = {key: self.router.store(key, key) for key in (*self.lost, *self.kept)}

    @property
    def shard(self) -> Companion:
        """The one that fails."""
        return self.fleet.shard(self.victim)


def must_refuse(router: Router, answer: Answer) -> None:
    """SD-25: 503 with Retry-After, in time."""
    must_be_quick(router, answer, router.patience + SLACK, FAST)
    answer.expect(503, why="The shard that has this key is down.")
    told = answer.headers.get("Retry-After") or ""
    if not told.isdigit() or int(told) < 1:
        got = f"Retry-After: {told}" if told else "no Retry-After"
        fail(answer, expected="Retry-After: whole seconds, at least 1", got=got, why="A client wants to know when.")


def must_be_quick(router: Router, answer: Answer, limit: float, why: str) -> None:
    """An answer within so many seconds."""
    seconds = answer.answered - answer.sent
    note_deadline(seconds, limit)
    if seconds > limit:
        expected = f"an answer within {limit * 1000:.0f} ms"
        router.too_slow(answer, deadline=limit, expected=expected, got=f"one after {seconds:.2f} s", why=why)


def must_serve(half: Halved, answer: Answer, key: str) -> None:
    """SD-26: a record on the other shard is read as before, in time."""
    router = half.router
    must_be_quick(router, answer, OTHERS_SECONDS, OTHERS)
    router.expect(answer, 200, OTHERS)
    must_be_item(answer, answer.json(OTHERS), key, key, half.versions[key], OTHERS)


def test_fails_fast(services: Services, companions: Companions, rng: random.Random) -> None:
    """SD-25: read, write and delete, with the shard killed, paused and cut; other keys are served between them."""
    half = Halved(services, companions, rng)
    router = half.router
    for form in rng.sample(FORMS, 3):
        undo = hurt(half.shard, form)
        for key in half.lost[:2]:
            must_refuse(router, router.get(key))
        must_refuse(router, router.put(half.lost[2], "new"))
        must_refuse(router, router.delete(half.lost[3]))
        must_serve(half, router.get(half.kept[0]), half.kept[0])
        undo()
        settle(router, half.lost[0])


def test_others_served(services: Services, companions: Companions, rng: random.Random) -> None:
    """SD-25, SD-26: fifty requests at once wait for a shard that is silent, not too long; others are served in time."""
    half = Halved(services, companions, rng, timeout_ms=LENIENT_MS)
    router = half.router
    asks = [Ask(record(key)) for key in half.lost] * (WAITING // len(half.lost))
    with half.shard.paused() if rng.random() < 0.5 else half.shard.cut():
        for _ in range(2):
            for answer, key in served_meanwhile(half, asks):
                must_serve(half, answer, key)
        fresh = half.kept[0]
        answer = router.put(fresh, fresh)
        must_be_quick(router, answer, OTHERS_SECONDS, OTHERS)
        router.expect(answer, 200, OTHERS)


def served_meanwhile(half: Halved, asks: list[Ask]) -> Iterator[tuple[Answer, str]]:
    """Ask for keys of the other shard while these requests wait, which are refused."""
    waiting = Aside(half.router, asks, len(asks))
    while True:
        is_over = waiting.is_over
        for key in half.kept:
            yield half.router.get(key), key
        if is_over:
            break
    for answer in waiting.answers():
        must_refuse(half.router, answer)


def test_partial(services: Services, companions: Companions, rng: random.Random) -> None:
    """SD-25: a batch names the keys, a scan the shard; what is on the other shard is there."""
    half = Halved(services, companions, rng, timeout_ms=LENIENT_MS)
    router = half.router
    limit = router.patience + SLACK
    undo = hurt(half.shard, rng.choice(FORMS))
    for _ in range(2):
        answer = router.batch([*half.lost, *half.kept])
        must_be_quick(router, answer, limit, FAST)
        answer.expect(200, why=PARTIAL)
        must_lack_only(router, answer, sorted(half.lost))
        must_tell(answer, "missing", [])
        must_hold(half, answer, sorted(half.kept))
        answer = router.scan(limit=3)
        pages: list[Answer] = []
        while True:
            pages.append(answer)
            must_be_quick(router, answer, limit, FAST)
            answer.expect(200, why=PARTIAL)
            must_lack_only(router, answer, [half.victim])
            if (following := member(answer, "next", PARTIAL)) is None or len(pages) > len(half.kept):
                break
            answer = router.scan(limit=3, cursor=following)
        got = [key for each in pages for key in items_of(each, PARTIAL)]
        if got != sorted(half.kept):
            fail(answer, expected=shown(sorted(half.kept)), got=shown(got), why=PARTIAL)
    undo()


def must_tell(answer: Answer, name: str, wanted: list[str]) -> None:
    """A list of an answer, in any order."""
    found = member(answer, name, PARTIAL)
    if not isinstance(found, list) or sorted(map(str, found)) != wanted:
        fail(answer, expected=f"'{name}': {shown(wanted)}", got=shown(found), why=PARTIAL)


def must_lack_only(router: Router, answer: Answer, wanted: list[str]) -> None:
    """These are unavailable, and nothing else: that the other shard did not answer in time can be a stalled machine's doing."""
    found = member(answer, "unavailable", PARTIAL)
    if isinstance(found, list) and set(wanted) < set(map(str, found)):
        router.too_slow(answer, expected=f"'unavailable': {shown(wanted)}", got=shown(found), why=OTHERS)
    must_tell(answer, "unavailable", wanted)


def must_hold(half: Halved, answer: Answer, wanted: list[str]) -> None:
    """The items of these keys, and no others."""
    items = items_of(answer, PARTIAL)
    if sorted(items) != wanted:
        fail(answer, expected=f"items of {shown(wanted)}", got=shown(sorted(items)), why=PARTIAL)
    for key, item in items.items():
        must_be_item(answer, item, key, key, half.versions[key], PARTIAL)


def test_status(services: Services, companions: Companions, rng: random.Random) -> None:
    """SD-10, SD-27: nobody asks for its keys, and yet 3 s after the fault it is down, and 3 s after its end it is not."""
    half = Halved(services, companions, rng)
    other = next(name for name in half.fleet.shards if name != half.victim)
    until_status(half, time.monotonic(), {half.victim: "up", other: "up"})
    undo = hurt(half.shard, rng.choice(FORMS))
    until_status(half, time.monotonic(), {half.victim: "down", other: "up"})
    until_status(half, undo(), {half.victim: "up", other: "up"})


def until_status(half: Halved, since: float, wanted: dict[str, str]) -> None:
    """Look until the statuses are so; from 3 s after that moment nothing else is right."""
    router = half.router
    while True:
        answer = router.ask("GET", "/shards")
        got = router.statuses()
        if got == wanted:
            return
        if answer.sent > since + BACK_SECONDS:
            expected = f"{shown(wanted)} within {BACK_SECONDS:.0f} s"
            router.too_slow(answer, deadline=BACK_SECONDS, expected=expected, got=shown(got), why=TOLD)
        time.sleep(0.1)


def test_comes_back(services: Services, companions: Companions, rng: random.Random) -> None:
    """SD-27: 3 s after a kill and a restart, and after a pause or a cut, every request for its keys is served."""
    half = Halved(services, companions, rng)
    router = half.router
    for form in rng.sample(("kill", rng.choice(("pause", "cut"))), 2):
        # Many connections are open when it happens, and requests wait on them.
        router.all_at_once([Ask(record(key)) for key in half.lost] * 4, 20)
        undo = hurt(half.shard, form)
        router.all_at_once([Ask(record(key)) for key in half.lost], 5)
        back = undo()
        until_served(router, half.lost[0], back)
        wait_until(back + BACK_SECONDS)
        asks = [Ask(record(key), JSON, "PUT", encoded(form)) for key in half.lost]
        for answer in router.all_at_once([Ask(record(half.lost[0]))] * 20 + asks, 20):
            router.expect(answer, 200, "It has been back for 3 s.")


def test_starts_without(services: Services, companions: Companions, rng: random.Random) -> None:
    """C-3, SD-25, SD-27: the router starts while a shard is down, which it never saw, and takes it when it comes."""
    fleet = Fleet(services, companions, rng, 2, timeout_ms=PROMPT_MS)
    victim = rng.choice(list(fleet.shards))
    fleet.shard(victim).kill()
    router = fleet.start()
    keys = router.new_keys(40)
    located = router.locate_all(keys)
    lost = next(key for key in keys if located[key] == victim)
    kept = next(key for key in keys if located[key] != victim)
    router.expect(router.ask("GET", "/healthz"), 200, "It tells of the process alone.")
    must_refuse(router, router.get(lost))
    settle(router, kept)  # it may just have started to look for its shards
    router.expect(router.put(kept, 1), 201, OTHERS)
    back = fleet.shard(victim).restart()
    until_served(router, lost, back)
    wait_until(back + BACK_SECONDS)
    router.must_have(lost, 1, router.store(lost, 1), "The shard is there now.")
