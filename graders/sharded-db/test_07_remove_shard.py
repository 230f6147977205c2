"""Stage remove-shard: a shard leaves, and the router is killed in the middle."""

from __future__ import annotations

import random
import time

from fleet import Fleet, killed_and_started
from moving import ask_to_leave, join, leave, merged, must_be_unchanged, rebalance, until_idle
from test_02_routing import must_be_placed
from test_06_add_shard import must_list
from vocabulary import Router

from labrunner.checks import Companions, Services, fail, wait

EMPTY = "A shard that has left is switched off, with all that is still on it."
STAYS = "Whatever moves needlessly is read, sent and written for nothing."
GOES_ON = "Who was killed in the middle of a move is the only one who can end it."
SLOW_MS = 3


def must_have_left(router: Router, fleet: Fleet, name: str) -> None:
    """SD-29: gone from GET /shards, and empty."""
    evidence, _, _ = rebalance(router)
    if rows := fleet.shards.rows_of(name):
        got = f"{len(rows)} records are left, such as {min(rows)!r}"
        fail(evidence, expected=f"an empty table on {name}", got=got, why=EMPTY)
    del fleet.shards.companions[name]
    must_list(router, sorted(fleet.shards))


def test_drained(services: Services, companions: Companions, rng: random.Random) -> None:
    """SD-13, SD-24, SD-29: of three shards one leaves; its records go to the others, whose own stay.

    SD-3: after a kill and a start it is still gone, though SHARDS names it.
    """
    fleet = Fleet(services, companions, rng, 3)
    router = fleet.start()
    versions = router.fill(router.new_keys(200))
    before = fleet.shards.rows()
    victim = rng.choice(list(fleet.shards))
    leave(router, victim)
    until_idle(router, time.monotonic())
    must_have_left(router, fleet, victim)
    must_be_placed(router, versions)
    after = fleet.shards.rows()
    must_be_unchanged(router, merged(before), merged(after))
    evidence, _, _ = rebalance(router)
    for name, rows in after.items():
        if gone := before[name].keys() - rows.keys():
            got = f"{len(gone)} went elsewhere, such as {min(gone)!r}"
            fail(evidence, expected=f"all records of {name} stay there", got=got, why=STAYS)
    killed_and_started(router.service)
    router.reconnect()
    must_list(router, sorted(fleet.shards))
    must_be_placed(router, versions)


def test_refused(services: Services, companions: Companions, rng: random.Random) -> None:
    """SD-13: the last one, and one that nobody knows."""
    fleet = Fleet(services, companions, rng, 1)
    router = fleet.start()
    key = router.new_key()
    version = router.store(key, 1)
    (last,) = fleet.shards
    router.expect(ask_to_leave(router, f"{last}-x"), 404, "There is no shard of this id.")
    router.expect(ask_to_leave(router, last), 409, "It is the last one.")
    router.must_have(key, 1, version, "Nothing moved.")
    must_list(router, [last])


def test_killed_amid(services: Services, companions: Companions, rng: random.Random) -> None:
    """SD-29: the router is killed amid moves both ways, at moments that the seed chose; started again it ends them."""
    fleet = Fleet(services, companions, rng, 1, spares=1, proxied=1)
    router = fleet.start()
    versions = router.fill(router.new_keys(250))
    before = merged(fleet.shards.rows())
    (victim,) = fleet.shards
    with fleet.spares[0][1].delayed(SLOW_MS):
        join(router, fleet)
        until_idle(router, killed_amid(router, rng))
        must_be_placed(router, versions, GOES_ON)
        leave(router, victim)
        killed_amid(router, rng)
        until_idle(router, killed_amid(router, rng))
    must_be_unchanged(router, before, merged(fleet.shards.rows()))
    must_have_left(router, fleet, victim)
    must_be_placed(router, versions, GOES_ON)


def killed_amid(router: Router, rng: random.Random) -> float:
    """A kill soon, and a start; when the router was ready."""
    wait(0.05 + rng.random() * 0.25)
    back = killed_and_started(router.service)
    router.reconnect()
    return back


def test_halted(services: Services, companions: Companions, rng: random.Random) -> None:
    """SD-28: the shard to which records move is paused amid the move, which waits, loses nothing, and ends afterwards."""
    fleet = Fleet(services, companions, rng, 2, timeout_ms=1000, proxied=1)
    router = fleet.start()
    versions = router.fill(router.new_keys(250))
    before = merged(fleet.shards.rows())
    (victim,) = fleet.proxied
    (other,) = set(fleet.shards) - {victim}
    slowness = fleet.shard(victim).delayed(10)  # so that the pause comes before the end
    leave(router, victim)
    with fleet.shard(other).paused():
        wait(1.7)  # whoever gives up on the paused shard has done so
        evidence, state, _ = rebalance(router)
        left = fleet.shards.rows_of(victim)
        if state == "idle" and left:
            got = f"idle, and {len(left)} records on {victim}"
            fail(evidence, expected="running: the shard where they belong is paused", got=got, why=EMPTY)
    slowness.undo()
    until_idle(router, fleet.shard(other).back_at)
    must_be_unchanged(router, before, merged(fleet.shards.rows()))
    must_have_left(router, fleet, victim)
    must_be_placed(router, versions)
