"""Stage add-shard: a shard joins, and takes its share while everybody goes on."""

from __future__ import annotations

import itertools
import math
import random
import time
from collections.abc import Sequence
from typing import Any

from fleet import Fleet, killed_and_started
from moving import ask_to_join, ask_to_leave, join, merged, must_be_unchanged, rebalance, until_idle
from test_02_routing import must_agree, must_be_placed
from traffic import Traffic
from vocabulary import SLACK, Router, items_of, member, must_be_item, record, shown

from labrunner.checks import Answer, Ask, Companions, Services, fail, wait

RECORDS = 400
SHARE = 0.35
WAITS_SECONDS = 1.0
SLOW_MS = 2
"""So that a move takes long enough to be seen."""
STAYS = "Whatever moves needlessly is read, sent and written for nothing."
GONE = "That it was deleted was acknowledged: a copy must not bring it back."
ONCE = "A scan that misses a record while it moves, or shows it twice, is worse than none."


def most_of(count: int, share: float) -> int:
    """So many of `count` random keys that more say for certain that it is more than this share of all keys.

    Five standard deviations: less than one in a million times.
    """
    return math.ceil(count * share + 5 * math.sqrt(count * share * (1 - share)))


def test_little_moves(services: Services, companions: Companions, rng: random.Random) -> None:
    """SD-12, SD-24: of three shards' records a share goes to the fourth, and nothing else moves or changes."""
    fleet = Fleet(services, companions, rng, 3, spares=1)
    router = fleet.start()
    versions = router.fill(router.new_keys(RECORDS))
    before = fleet.shards.rows()
    was = {key: name for name, rows in before.items() for key in rows}
    new = join(router, fleet)
    moved = until_idle(router, time.monotonic())
    must_be_placed(router, versions)
    after = fleet.shards.rows()
    must_be_unchanged(router, merged(before), merged(after))
    evidence, _, _ = rebalance(router)
    came = [key for key in after[new] if was[key] != new]
    strays = [key for name, rows in after.items() if name != new for key in rows if was[key] != name]
    if strays:
        got = f"{len(strays)} went to another one, such as {strays[0]!r}"
        fail(evidence, expected=f"records go to {new} alone", got=got, why=STAYS)
    if len(came) > most_of(RECORDS, SHARE):
        expected = f"at most {SHARE:.0%} of all keys, so at most {most_of(RECORDS, SHARE)} of these {RECORDS}"
        fail(evidence, expected=expected, got=f"{len(came)}", why=STAYS)
    if not came or moved < len(came):
        fail(evidence, expected=f'"moved": {len(came)} or more', got=evidence.text, why="Operators watch this number.")
    must_list(router, sorted(fleet.shards))


def must_list(router: Router, wanted: list[str]) -> None:
    """SD-10: GET /shards has exactly these, and none of them joins or leaves."""
    statuses = router.statuses()
    if sorted(statuses) != wanted or {"joining", "draining"} & set(statuses.values()):
        expected = f"{', '.join(wanted)}, all of them up"
        fail(router.ask("GET", "/shards"), expected=expected, got=shown(statuses), why="Nothing moves any more.")


def test_refused(services: Services, companions: Companions, rng: random.Random) -> None:
    """SD-12, SD-13: an id that is known, a place where nobody is, a second move."""
    fleet = Fleet(services, companions, rng, 1, spares=2, proxied=1)
    router = fleet.start()
    router.fill(router.new_keys(100))
    (known,) = fleet.shards
    (_, other), (last, shard) = fleet.spares
    router.expect(ask_to_join(router, known, other.url), 409, "There is a shard of this id.")
    router.expect(router.ask("POST", "/shards", body=b'{"id": "x"}'), 400, "Where is it?")
    other.kill()
    router.expect(ask_to_join(router, fleet.spares[0][0], other.url), 422, "Nobody answers there.")
    other.restart()
    with other.delayed(15):
        new = join(router, fleet)
        for answer in (ask_to_join(router, last, shard.url), ask_to_leave(router, known)):
            was_moving = router.statuses().get(new) == "joining"
            if answer.status != 409 and was_moving:
                router.expect(answer, 409, "One move at a time: the first one is not over.")


def test_served_amid(services: Services, companions: Companions, rng: random.Random) -> None:
    """SD-18, SD-28: clients read and write throughout; nobody is refused, nothing is lost or doubled."""
    fleet = Fleet(services, companions, rng, 1, spares=1, proxied=1)
    router = fleet.start()
    versions = router.fill(router.new_keys(RECORDS))
    fleet.spares[0][1].delayed(SLOW_MS)
    with Traffic(router, router.new_keys(30, "busy")) as traffic:
        wait(0.4)
        join(router, fleet)
        until_idle(router, time.monotonic())
        wait(0.2)
    traffic.read_all()
    traffic.must_be_linear()
    traffic.must_not_refuse()
    must_be_placed(router, versions)
    must_be_one_each(router)
    traffic.must_be_within(WAITS_SECONDS + SLACK)  # for the move, and then as long as any request


def must_be_one_each(router: Router) -> None:
    """SD-22: no key is in two tables."""
    evidence, _, _ = rebalance(router)
    for key, names in router.shards.places().items():
        if len(names) > 1:
            why = "A record in two places has two truths."
            fail(evidence, expected=f"{key!r} on one shard", got=f"on {' and '.join(names)}", why=why)


def test_no_resurrection(services: Services, companions: Companions, rng: random.Random) -> None:
    """SD-16, SD-28: every record is deleted while they move; none is there afterwards, and versions go on."""
    fleet = Fleet(services, companions, rng, 1, spares=1, proxied=1)
    router = fleet.start()
    keys = router.new_keys(300)
    router.fill(keys)
    versions = {key: router.update(key, 1) for key in keys[:40]}
    fleet.spares[0][1].delayed(SLOW_MS)
    join(router, fleet)
    order = rng.sample(keys, len(keys))
    for answer in router.all_at_once([Ask(record(key), {}, "DELETE") for key in order], 4):
        router.expect(answer, 204, "The record was there.")
    until_idle(router, time.monotonic())
    for key in keys[:60]:
        router.must_lack(key, GONE)
    evidence, _, _ = rebalance(router)
    if left := fleet.shards.places():
        key, names = next(iter(left.items()))
        fail(evidence, expected="no record in any shard", got=f"{key!r} on {', '.join(names)}", why=GONE)
    for key, before in versions.items():
        answer = router.put(key, 2)
        version = router.expect(answer, 201, GONE).json(GONE)["version"]
        if version <= before:
            why = "A version names one state of a record, and never another one, wherever the record is."
            fail(answer, expected=f"a version above {before}, which it had", got=f"{version}", why=why)


class Scanner:
    """Scans over and over, and looks whether what is always there is always there.

    Args:
        router: asked.
        prefix: of the scan.
        stable: the versions of the keys that are there throughout; their values are the keys.
        limits: of the scans, one after the other. Within a scan it stays: nobody has said what a cursor means beside
            another limit.
    """

    def __init__(self, router: Router, prefix: str, stable: dict[str, int], limits: Sequence[int]) -> None:
        self._router = router
        self._prefix = prefix
        self._stable = stable
        self._limits = itertools.cycle(limits)
        self._limit = next(self._limits)
        self._following: str | None = None
        self._seen: list[str] = []

    def page(self) -> None:
        """The next page; at the end of the scan, what it showed is looked at."""
        parameters: dict[str, str | int] = {"prefix": self._prefix, "limit": self._limit}
        if self._following is not None:
            parameters["cursor"] = self._following
        answer = self._router.expect(self._router.scan(**parameters), 200, ONCE)
        if unavailable := member(answer, "unavailable", ONCE):
            self._router.too_slow(answer, expected='"unavailable": []', got=shown(unavailable), why=ONCE)
        items: dict[str, Any] = items_of(answer, ONCE)
        for key, item in items.items():
            if key in self._stable:
                must_be_item(answer, item, key, key, self._stable[key], ONCE)
        self._seen += items
        self._following = member(answer, "next", ONCE)
        if self._following is None:
            self._look(answer)
            self._seen = []
            self._limit = next(self._limits)

    def finish(self) -> None:
        """Go on to the end of the scan."""
        self.page()
        while self._following is not None:
            self.page()

    def _look(self, answer: Answer) -> None:
        ordered = sorted(set(self._seen), key=str.encode)
        if ordered != self._seen:
            first = next(
                i
                for i, pair in enumerate(zip(self._seen, self._seen[1:], strict=False))
                if pair[0].encode() >= pair[1].encode()
            )
            expected, got = f"keys after {self._seen[first]!r}", f"{self._seen[first + 1]!r}"
            fail(answer, expected=expected, got=got, why=ONCE)
        if missing := self._stable.keys() - set(self._seen):
            got = f"{len(self._stable) - len(missing)}: {min(missing)!r} is missing"
            fail(answer, expected=f"all {len(self._stable)} records that were there throughout", got=got, why=ONCE)


def test_scan_amid(services: Services, companions: Companions, rng: random.Random) -> None:
    """SD-21, SD-28: scans that begin before, amid and after a move; a cursor outlives it, and the router."""
    fleet = Fleet(services, companions, rng, 1, spares=1, proxied=1)
    router = fleet.start()
    prefix = router.new_key("scan")
    stable = router.fill([f"{prefix}{number}" for number in range(300)])
    fleet.spares[0][1].delayed(SLOW_MS)
    scanner = Scanner(router, prefix, stable, rng.sample((20, 40, 120), 3))
    early = Scanner(router, prefix, stable, (60,))
    early.page()
    with Traffic(router, [f"{prefix}{number}x" for number in range(0, 300, 15)]):
        join(router, fleet)
        until_idle(router, time.monotonic(), scanner.page)
    scanner.finish()
    killed_and_started(router.service)
    router.reconnect()
    early.finish()


def test_topology_kept(services: Services, companions: Companions, rng: random.Random) -> None:
    """SD-3: after a kill and a start the shard that joined is there, though SHARDS does not name it.

    SD-22: a router that was always told of both has the same places.
    """
    fleet = Fleet(services, companions, rng, 1, spares=1)
    router = fleet.start()
    versions = router.fill(router.new_keys(40))
    join(router, fleet)
    until_idle(router, time.monotonic())
    killed_and_started(router.service)
    router.reconnect()
    must_list(router, sorted(fleet.shards))
    must_be_placed(router, versions)
    for key, version in versions.items():
        router.must_have(key, key, version, "It is on the shard that joined, or on the one that was there before.")
    located = router.locate_all(router.new_keys(100))
    router.service.kill()
    fresh = fleet.start({**fleet.env, "SHARDS": fleet.shards.variable})
    must_agree(fresh, located, "Where a key belongs depends on which shards there are, and not on how they came.")
