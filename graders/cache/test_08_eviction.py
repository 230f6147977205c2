"""Stage eviction: a bounded store, and who goes first."""

from __future__ import annotations

import random
import time
from collections import OrderedDict
from typing import Any

from vocabulary import NOT_TWICE, Site, describe, read

from labrunner.checks import Services, exceeded, fail, wait

HOUR = {"fields": [["Cache-Control", "max-age=3600"], ["ETag", '"a"']]}
LEAST = "When there is no room, what nobody used for longest goes."
STATS_SECONDS = 1.0
TRUE = "Who runs a cache wants to know whether it is of use."


def fill(site: Site, count: int) -> list[str]:
    """So many targets, each asked for once."""
    targets = [site.new_target(f"{number}") for number in range(count)]
    for target in targets:
        site.source.plan(target, then=HOUR)
        site.well(site.ask(target)).expect(200, why="The origin answers.")
    return targets


def test_bounded(site: Site, services: Services) -> None:
    """CA-30: at most so many; each variant counts."""
    for capacity in (1, 3):
        own = site.own(services, CACHE_MAX_ENTRIES=capacity)
        targets = fill(own, capacity + 1)
        must_be(own, targets[1:], is_hit=True)
        must_be(own, targets[:1], is_hit=False)
    own = site.own(services, CACHE_MAX_ENTRIES=2)
    target = own.new_target()
    own.source.plan(target, then={"fields": [*HOUR["fields"], ["Vary", "X-Lang"]]})
    for language, is_hit in (("a", False), ("b", False), ("c", False), ("b", True), ("c", True), ("a", False)):
        answer = own.well(own.ask(target, {"X-Lang": language}))
        if read(answer).is_hit != is_hit:
            expected = "a hit" if is_hit else "fetched anew: two variants fill a store of two"
            fail(answer, expected=expected, got=describe(read(answer)), why=LEAST)


def must_be(site: Site, targets: list[str], *, is_hit: bool) -> None:
    """All of them are stored, or none."""
    for target in targets:
        answer = site.well(site.ask(target))
        if read(answer).is_hit != is_hit:
            expected = "a hit" if is_hit else "fetched anew"
            fail(answer, expected=expected, got=describe(read(answer)), why=NOT_TWICE if is_hit else LEAST)


def test_lru(site: Site, services: Services, rng: random.Random) -> None:
    """CA-30: a trace, one request at a time, has exactly the hits of an LRU store; all forms of use count."""
    capacity = rng.randint(3, 5)
    own = site.own(services, CACHE_MAX_ENTRIES=capacity)
    targets = [own.new_target(f"{number}") for number in range(capacity + 2)]
    for target in targets:
        own.source.plan(target, then=HOUR)
    uses: list[tuple[str, dict[str, str]]] = [("GET", {}), ("HEAD", {}), ("GET", {"If-None-Match": '"a"'})]
    model: OrderedDict[str, None] = OrderedDict()
    for _ in range(60):
        target = rng.choice(targets)
        method, fields = rng.choice(uses) if target in model else uses[0]
        answer = own.well(own.ask(target, fields, method=method))
        if read(answer).is_hit != (target in model):
            expected = "a hit" if target in model else "fetched anew"
            fail(
                answer, expected=f"{expected}, as in an LRU store of {capacity}", got=describe(read(answer)), why=LEAST
            )
        model[target] = None
        model.move_to_end(target)
        if len(model) > capacity:
            model.popitem(last=False)


def must_have_stats(site: Site, **wanted: int) -> None:
    """CA-31: a second later at the latest."""
    asked = time.monotonic()
    while True:
        answer = site.client.get("/stats").expect(200, why=TRUE)
        told: Any = answer.json(why=TRUE)
        got = {name: told.get(name) for name in wanted} if isinstance(told, dict) else told
        if got == wanted:
            return
        if answer.sent > asked + STATS_SECONDS:
            exceeded(answer, deadline=STATS_SECONDS, expected=str(wanted), got=str(got), why=TRUE)
        wait(0.1)


def test_stats(site: Site, services: Services) -> None:
    """CA-31: the statistics are true, a second later at the latest."""
    own = site.own(services, CACHE_MAX_ENTRIES=2)
    targets = fill(own, 3)
    must_be(own, targets[1:], is_hit=True)
    own.ask(targets[1], method="POST", body=b"x")
    own.ask(targets[2], {"Range": "bytes=0-1"})
    must_have_stats(own, entries=1, hits=2, misses=3, collapsed=0, evictions=1)
