"""Stage routing: each key has one place, and everybody agrees which."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping

from fleet import Fleet, killed_and_started
from vocabulary import ONE_PLACE, Router

from labrunner.checks import Companions, Services, fail

AGREED = "Two routers that do not agree write one record to two places."


def must_be_placed(router: Router, keys: Mapping[str, int], why: str = ONE_PLACE) -> None:
    """SD-22: each record is in one shard's table, with its version, and that shard is the one that locate names."""
    located = router.locate_all(list(keys))
    tables = router.shards.rows()
    last = router.get(next(iter(keys)))
    for key, version in keys.items():
        found = {name: rows[key].version for name, rows in tables.items() if key in rows}
        wanted = {located[key]: version}
        if found != wanted:
            expected = f"{key!r} in public.records of {told(wanted)} alone, as locate says"
            fail(last, expected=expected, got=told(found) or "in no shard", why=why)


def told(places: Mapping[str, int]) -> str:
    """Shards and versions, in words."""
    return ", ".join(f"shard {name} (version {version})" for name, version in places.items())


def must_agree(router: Router, before: Mapping[str, str], why: str) -> None:
    """SD-22: locate says what it said before."""
    after = router.locate_all(list(before))
    for key, name in before.items():
        if after[key] != name:
            fail(router.ask("GET", f"/shards/locate/{key}"), expected=name, got=after[key], why=why)


def test_one_place(router: Router) -> None:
    """SD-11, SD-22: of sixty records each is where locate says; what is absent has a place, too."""
    keys = router.new_keys(60)
    must_be_placed(router, router.fill(keys))
    places = set(router.locate_all(keys).values())
    absent = set(router.locate_all(router.new_keys(20)).values())
    last = router.get(keys[0])
    if unknown := (places | absent) - set(router.shards):
        fail(
            last, expected=f"one of {', '.join(router.shards)}", got=", ".join(unknown), why="A place is a shard's id."
        )
    if len(places) < 2:
        why = "With one shard used, the others are of no use."
        fail(last, expected="sixty records on several shards", got=f"all of them on {places.pop()}", why=why)


def test_two_routers(services: Services, companions: Companions, rng: random.Random) -> None:
    """SD-22: a second router, started beside the first, finds what that one wrote, and the other way round."""
    fleet = Fleet(services, companions, rng, 2)
    first = fleet.start()
    second = fleet.start()
    must_agree(second, first.locate_all(first.new_keys(100)), AGREED)
    for one, other in ((first, second), (second, first)):
        keys = one.new_keys(10)
        versions = one.fill(keys)
        for key in keys:
            other.must_have(key, key, versions[key], AGREED)
        updated = {key: other.update(key, key) for key in keys}
        must_be_placed(one, updated, AGREED)


def test_order_is_nothing(services: Services, companions: Companions, rng: random.Random) -> None:
    """SD-22: another router that is told of the same shards in another order."""
    fleet = Fleet(services, companions, rng, 3)
    first = fleet.start()
    keys = first.new_keys(20)
    versions = first.fill(keys)
    located = first.locate_all(first.new_keys(100))
    first.service.kill()
    shards = json.loads(fleet.env["SHARDS"])
    turned = dict(list(shards.items())[1:] + list(shards.items())[:1])
    second = fleet.start({**fleet.env, "SHARDS": json.dumps(turned)})
    why = "A set of shards has no order."
    must_agree(second, located, why)
    for key in keys:
        second.must_have(key, key, versions[key], why)


def test_restart(services: Services, companions: Companions, rng: random.Random) -> None:
    """SD-3, SD-22: the same after a kill and a start, and from a router that remembers nothing."""
    fleet = Fleet(services, companions, rng, 2)
    router = fleet.start()
    keys = router.new_keys(20)
    versions = router.fill(keys)
    located = router.locate_all(router.new_keys(100))
    killed_and_started(router.service)
    router.reconnect()
    why = "A key's place is a function of the key and the shards, and of nothing else."
    must_agree(router, located, why)
    must_be_placed(router, versions, why)
    router.service.kill()
    fresh = fleet.start()
    must_agree(fresh, located, why)
    must_be_placed(fresh, versions, why)
