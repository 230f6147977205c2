"""Stage consistency: concurrent clients, faults, and one order of each key's operations that makes all answers right."""

from __future__ import annotations

import random
import time

from environment import PROMPT_MS
from fleet import Fleet, hurt, keys_by_shard, until_served
from moving import join, leave, until_idle
from traffic import Traffic
from vocabulary import JSON, Router, record

from labrunner.checks import Ask, Companions, Services, wait

KEYS = 8
"""On each shard: several clients are at one key at any time."""
FEW, BRISK_SECONDS = 3, 0.004
"""With nothing wrong no outcome is unknown, and far more requests about one key can be judged."""


def test_quiet(router: Router) -> None:
    """SD-18: with nothing wrong."""
    with Traffic(router, router.new_keys(FEW), pause=BRISK_SECONDS) as traffic:
        wait(1.5)
    traffic.read_all()
    traffic.must_be_linear()
    traffic.must_not_refuse()


def keys_on(router: Router) -> tuple[list[str], dict[str, str]]:
    """Keys of all shards, and one of each."""
    by_shard = keys_by_shard(router, KEYS)
    return [key for keys in by_shard.values() for key in keys], {name: keys[0] for name, keys in by_shard.items()}


def test_shard_faults(services: Services, companions: Companions, rng: random.Random) -> None:
    """SD-18, SD-19, SD-27: shards are killed, paused and cut, in an order that the seed chose."""
    fleet = Fleet(services, companions, rng, 2, timeout_ms=PROMPT_MS, proxied=2)
    router = fleet.start()
    keys, probes = keys_on(router)
    with Traffic(router, keys, is_hurt=True) as traffic:
        wait(0.4)
        for form in rng.sample(("kill", "pause", "cut", rng.choice(("kill", "pause"))), 4):
            victim = rng.choice(list(fleet.shards))
            undo = hurt(fleet.shard(victim), form)
            wait(0.2 + 0.9 * rng.random())
            until_served(router, probes[victim], undo())
            wait(0.3)
    for name, key in probes.items():
        until_served(router, key, fleet.shard(name).back_at)
    traffic.read_all(last_back(fleet))
    traffic.must_be_linear()


def test_router_kills(services: Services, companions: Companions, rng: random.Random) -> None:
    """SD-18, SD-19: the router is killed again and again, each time with a record deleted that is created anew afterwards."""
    fleet = Fleet(services, companions, rng, 2)
    router = fleet.start()
    keys, _ = keys_on(router)
    deleted = router.new_key("deleted")
    with Traffic(router, keys, is_hurt=True) as traffic:
        traffic.create_and_delete(deleted)
        for _ in range(4):
            wait(0.3 + 0.4 * rng.random())
            traffic.kill_router()
            router.reconnect()
            traffic.create_and_delete(deleted)
        wait(0.3)
    traffic.read_all()
    traffic.must_be_linear()


def test_amid_moves(services: Services, companions: Companions, rng: random.Random) -> None:
    """SD-18, SD-28, SD-29: a shard joins and another one leaves, and meanwhile shards and router suffer."""
    fleet = Fleet(services, companions, rng, 2, spares=1, timeout_ms=PROMPT_MS, proxied=3)
    router = fleet.start()
    keys = router.new_keys(24)
    fill_with_ballast(router)
    fleet.spares[0][1].delayed(1)
    with Traffic(router, keys, is_hurt=True) as traffic:
        wait(0.3)
        first, second = rng.sample(list(fleet.shards), 2)
        join(router, fleet)
        wait(rng.random() * 0.2)
        undo = hurt(fleet.shard(rng.choice((first, second))), rng.choice(("pause", "cut")))
        wait(0.2 + 0.5 * rng.random())
        undo()
        until_idle(router, time.monotonic())
        leave(router, first)
        wait(rng.random() * 0.3)
        back = traffic.kill_router()
        router.reconnect()
        until_idle(router, back)
        wait(0.3)
    traffic.read_all(last_back(fleet))
    traffic.must_be_linear()


def last_back(fleet: Fleet) -> float:
    """When the last shard that was hurt was back."""
    return max(shard.back_at for shard in fleet.shards.companions.values())


def fill_with_ballast(router: Router) -> None:
    """Records that nobody asks for, so that a move takes its time. Whether each is stored does not matter."""
    router.all_at_once([Ask(record(key), JSON, "PUT", b"1") for key in router.new_keys(150, "ballast")])
