"""Reads over the shards, also while records move.

A reader takes no lock. It looks at a key's new shard and then at its old one, and afterwards asks whether the key was
brought home meanwhile: if so, it looks again. A scan looks the other way round, at those that records come from first:
what moves meanwhile it sees twice, but never misses.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

import records
from records import Known, Record
from shard import Connection, Shard, Unavailable
from topology import Topology, View

Found = TypeVar("Found")
SECOND_LOOK = 0.2
"""Seconds for what is asked after the first shards were."""


@dataclass
class Answer:
    """What was found of the keys that were asked for."""

    items: dict[str, Record] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unavailable: list[str] = field(default_factory=list)


@dataclass
class Page:
    """A part of a scan: `more` is the last key that it has gone over, None at the end."""

    items: list[Record]
    more: str | None
    unavailable: set[str]


class Reading:
    """Args: the topology, and seconds that one look may take."""

    def __init__(self, topology: Topology, patience: float) -> None:
        self._topology = topology
        self._patience = patience

    def keys(self, keys: Iterable[str]) -> Answer:
        """Each key once."""
        answer = Answer()
        deadline = time.monotonic() + self._patience
        left = list(keys)
        while left:
            view = self._topology.view
            if time.monotonic() > deadline + SECOND_LOOK:
                answer.unavailable += left
                return answer
            left = self._look(view, left, answer, deadline)
        return answer

    def _look(self, view: View, keys: list[str], answer: Answer, deadline: float) -> list[str]:
        """Look once; those to look for again."""
        unsettled = [key for key in keys if not view.is_settled(key)]
        at_home, silent = _look_at(view.home, keys, deadline)
        doubtful = [key for key in unsettled if key not in at_home.keys and key not in silent]
        before, before_silent = _look_at(view.former, doubtful, deadline + SECOND_LOOK)
        if self._topology.view is not view:
            return keys
        again = [key for key in doubtful if view.is_settled(key)]
        found = at_home.records | before.records
        for key in keys:
            if key in again:
                continue
            if key in silent or key in before_silent:
                answer.unavailable.append(key)
            elif key in found:
                answer.items[key] = found[key]
            else:
                answer.missing.append(key)
        return again

    def page(self, prefix: bytes, after: str | None, limit: int) -> Page:
        """The next records."""
        deadline = time.monotonic() + self._patience
        page = Page([], after, set())
        while len(page.items) < limit:
            view = self._topology.view
            part = _page(view, prefix, page.more, limit - len(page.items), deadline)
            if self._topology.view is not view:
                continue
            page = Page(page.items + part.items, part.more, page.unavailable | part.unavailable)
            if part.more is None or time.monotonic() > deadline + SECOND_LOOK:
                break
        return page


def _page(view: View, prefix: bytes, after: str | None, limit: int, deadline: float) -> Page:
    """What is found in one look; perhaps fewer than there are, when some of it is what a move left behind."""
    givers = view.givers() if view.move else []
    takers = sorted(view.shards().keys() - set(givers))
    first, silent = gather(
        {view.old[name]: lambda connection: records.read_page(connection, prefix, after, limit + 1) for name in givers},
        deadline,
    )
    moving: dict[str, list[str]] = {name: [] for name in takers}
    for record in _strays(view, first):
        moving[view.home(record.key).name].append(record.key)

    def second_look(name: str) -> Callable[[Connection], tuple[list[Record], Known]]:
        return lambda connection: (
            records.read_page(connection, prefix, after, limit + 1),
            records.look(connection, moving[name]) if moving[name] else Known({}, frozenset()),
        )

    second, too_silent = gather({view.new[name]: second_look(name) for name in takers}, deadline + SECOND_LOOK)
    pages = [*first.values(), *(part for part, _ in second.values())]
    found = {record.key: record for part in pages for record in part}
    for record in _strays(view, first):
        home = view.home(record.key)
        if home not in second or record.key in second[home][1].keys:
            found.pop(record.key, None)  # what its home knows counts, and follows
    for part, known in second.values():  # the second was asked after the first, and may know more
        found |= {record.key: record for record in part} | known.records
    # No shard was asked beyond its last record here.
    full = [part[-1].key.encode() for part in pages if len(part) > limit]
    items = sorted(found.values(), key=lambda record: record.key.encode())
    if full:
        items = [record for record in items if record.key.encode() <= min(full)]
    more = min(full).decode() if full else None
    if len(items) > limit:
        more = items[limit - 1].key
    return Page(items[:limit], more, {shard.name for shard in silent + too_silent})


def _strays(view: View, found: dict[Shard, list[Record]]) -> list[Record]:
    """What was found elsewhere than at home."""
    return [record for shard, part in found.items() for record in part if view.home(record.key) is not shard]


def _look_at(where: Callable[[str], Shard], keys: list[str], deadline: float) -> tuple[Known, set[str]]:
    """What these shards know of the keys, and the keys of those that could not be asked."""
    groups: dict[Shard, list[str]] = {}
    for key in keys:
        groups.setdefault(where(key), []).append(key)

    def look(group: list[str]) -> Callable[[Connection], Known]:
        return lambda connection: records.look(connection, group)

    found, silent = gather({shard: look(group) for shard, group in groups.items()}, deadline)
    known = Known({}, frozenset())
    for part in found.values():
        known = Known(known.records | part.records, known.keys | part.keys)
    return known, {key for shard in silent for key in groups[shard]}


def gather(work: dict[Shard, Callable[[Connection], Found]], deadline: float) -> tuple[dict[Shard, Found], list[Shard]]:
    """Ask these shards at the same time; what was found, and which of them could not be asked."""

    def ask(shard: Shard) -> Found:
        with shard.use(deadline) as connection:
            return work[shard](connection)

    # Those known to be down do not enter their queue; the last one is asked here and now.
    asked = [shard for shard in work if not shard.is_down]
    futures = {shard: shard.askers.submit(ask, shard) for shard in asked[:-1]}
    found: dict[Shard, Found] = {}
    for shard in asked[-1:] + asked[:-1]:
        try:
            if shard in futures:
                found[shard] = futures[shard].result(timeout=max(deadline - time.monotonic(), 0) + 0.05)
            else:
                found[shard] = ask(shard)
        except (Unavailable, TimeoutError):
            pass
    return found, [shard for shard in work if shard not in found]
