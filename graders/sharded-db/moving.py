"""Moves: how they are begun, how they end, and what must be true afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable

from fleet import Fleet
from shards import Row
from vocabulary import Router, encoded, member, same, shown

from labrunner.checks import Answer, fail, note_deadline

MOVE_SECONDS = 60.0
"""SD-28, SD-29."""
ENDS = "A move that does not end leaves keys in two places, or in none."
UNCHANGED = "A move changes where a record is, and nothing else."


def join(router: Router, fleet: Fleet) -> str:
    """SD-12: the next spare shard joins; its id."""
    name, shard = fleet.spares.pop(0)
    answer = ask_to_join(router, name, shard.url)
    if answer.status == 422:  # as to a shard that does not answer in time, which a stalled machine can cause
        router.too_slow(answer, expected="202", got=answer.line, why="It can be reached.")
    router.expect(answer, 202, "It can be reached, and nothing moves.")
    fleet.shards.companions[name] = shard
    return name


def ask_to_join(router: Router, name: str, url: str) -> Answer:
    """``POST /shards``."""
    return router.ask("POST", "/shards", body=encoded({"id": name, "dsn": url}))


def ask_to_leave(router: Router, name: str) -> Answer:
    """``DELETE /shards/{id}``."""
    return router.ask("DELETE", f"/shards/{name}")


def leave(router: Router, name: str) -> None:
    """SD-13: a shard leaves."""
    router.expect(ask_to_leave(router, name), 202, "It is not the last one, and nothing moves.")


def rebalance(router: Router) -> tuple[Answer, str, int]:
    """SD-14: the answer, state and number."""
    why = "GET /rebalance tells how the move is getting on."
    answer = router.expect(router.ask("GET", "/rebalance"), 200, why)
    state, moved = member(answer, "state", why), member(answer, "moved", why)
    if state not in ("idle", "running") or isinstance(moved, bool) or not isinstance(moved, int) or moved < 0:
        fail(answer, expected='"state": "idle" or "running", "moved": a number', got=answer.text, why=why)
    return answer, str(state), moved


def until_idle(router: Router, since: float, meanwhile: Callable[[], None] = lambda: None) -> int:
    """SD-28: wait for the end of a move; the number of records that it moved.

    Args:
        router: asked.
        since: when the 60 s begin.
        meanwhile: what is done again and again until then.
    """
    while True:
        answer, state, moved = rebalance(router)
        if state == "idle":
            note_deadline(answer.answered - since, MOVE_SECONDS)
            return moved
        if answer.sent > since + MOVE_SECONDS:
            expected = f"idle within {MOVE_SECONDS:.0f} s"
            router.too_slow(answer, deadline=MOVE_SECONDS, expected=expected, got=answer.text, why=ENDS)
        meanwhile()
        time.sleep(0.03)


def merged(tables: dict[str, dict[str, Row]]) -> dict[str, Row]:
    """All records, of whichever shard."""
    return {key: row for rows in tables.values() for key, row in rows.items()}


def must_be_unchanged(router: Router, before: dict[str, Row], after: dict[str, Row]) -> None:
    """No record is lost, changed or new."""
    evidence = router.get(next(iter(before)))
    for key, row in before.items():
        now = after.get(key)
        if now is None or not same(now.value, row.value) or now.version != row.version:
            got = "no row" if now is None else f"{shown(now.value)}, version {now.version}"
            fail(evidence, expected=f"{key!r}: {shown(row.value)}, version {row.version}", got=got, why=UNCHANGED)
    if new := after.keys() - before.keys():
        fail(evidence, expected=f"{len(before)} records", got=f"{len(after)}, such as {min(new)!r}", why=UNCHANGED)
