"""What is answered from the shelf, and what is asked of the origin."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from messages import Answer, Asked, problem
from origin import Failed, Origin
from shelf import Entry, Shelf

FAILURES = {500, 502, 503, 504}
KEPT = {"content-length", "content-encoding", "content-range", "etag"}
SELECTING = {"no-cache", "max-age", "min-fresh", "no-store"}
SAFE = {"OPTIONS", "TRACE"}


@dataclass
class Came:
    """What a forward brought; `entry` in the place of `answer` when it was validated, or used in spite of a failure."""

    answer: Answer
    entry: Entry | None = None
    is_stored: bool = False
    is_for_all: bool = False

    def told(self, asked: Asked, why: str) -> Answer:
        """To a client."""
        status = f"fwd={why}" + ("; stored" if self.is_stored else "")
        return self.answer.marked(status) if self.entry is None else self.entry.served(asked, status)


@dataclass(eq=False)
class Trip:
    """A forward under way."""

    target: str
    is_overtaken: bool = False


class Cache:
    """All of it runs in one event loop: what stands between two awaits is done at once."""

    def __init__(self, origin: Origin, room: int) -> None:
        self.origin = origin
        self.shelf = Shelf(room)
        self.trips: set[Trip] = set()
        self.shared: dict[tuple[object, ...], asyncio.Task[Came]] = {}
        self.refreshing: set[asyncio.Task[Came]] = set()
        self.hits = self.misses = self.collapsed = 0

    def stats(self) -> dict[str, int]:
        """CA-31."""
        counted = {"hits": self.hits, "misses": self.misses, "collapsed": self.collapsed}
        return {"entries": len(self.shelf.entries), "evictions": self.shelf.evictions} | counted

    def forget(self, target: str) -> bool:
        """Invalidate; whether anything was stored."""
        for trip in self.trips:
            trip.is_overtaken = trip.is_overtaken or trip.target == target
        self.shared = {key: task for key, task in self.shared.items() if key[0] != target}
        mine = list(self.shelf.by_target.get(target, ()))
        for entry in mine:
            self.shelf.drop(entry)
        return bool(mine)

    async def answer(self, asked: Asked) -> Answer:
        """Anything that is for the origin."""
        if asked.method not in {"GET", "HEAD"}:
            return await self.passed(asked, "method")
        if asked.lines("range"):
            return await self.passed(asked, "bypass")
        entry, why = self.shelf.find(asked)
        if entry is not None:
            why = entry.why_not(asked)
            if not why or (why == "stale" and self.may_refresh_behind(asked, entry)):
                self.hits += 1
                self.shelf.use(entry)
                if why:
                    self.refresh(asked, entry)
                return entry.served(asked, "hit")
        if "only-if-cached" in asked.control:
            return problem(504, "not stored")
        self.misses += 1
        return await self.fetched(asked, entry, why)

    async def passed(self, asked: Asked, why: str) -> Answer:
        """Forward it; what it changed is forgotten (CA-22)."""
        try:
            answer = await self.origin.ask(asked)
        except Failed as fault:
            return problem(fault.status, "the origin does not answer").marked(f"fwd={why}")
        if why == "method" and asked.method not in SAFE and 200 <= answer.status < 400:
            self.forget(asked.target)
            ours = {self.origin.authority, *asked.lines("host")}
            base = f"http://{self.origin.authority}{asked.target}"
            for value in answer.lines("location") + answer.lines("content-location"):
                parts = urlsplit(value if value.startswith("/") else urljoin(base, value))
                if not parts.netloc or parts.netloc in ours:
                    self.forget((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        return answer.marked(f"fwd={why}")

    async def fetched(self, asked: Asked, entry: Entry | None, why: str) -> Answer:
        """Forward a GET or HEAD, or wait for one like it (CA-25)."""
        is_conditional = any(name.lower().startswith("if-") for name, _ in asked.fields)
        if asked.method == "HEAD" or is_conditional or SELECTING & asked.control.keys():
            return (await asyncio.shield(self.trip(asked, entry, why))).told(asked, why)
        waiting = self.shared.get(asked.identity)
        if waiting is not None:
            came = await asyncio.shield(waiting)
            if came.is_for_all:
                self.collapsed += 1
                return Came(came.answer, came.entry).told(asked, f"{why}; collapsed")
            return (await asyncio.shield(self.trip(asked, entry, why))).told(asked, why)
        task = self.shared[asked.identity] = self.trip(asked, entry, why)
        task.add_done_callback(lambda _: self.unshare(asked, task))
        return (await asyncio.shield(task)).told(asked, why)

    def unshare(self, asked: Asked, task: asyncio.Task[Came]) -> None:
        """Nobody joins it any more."""
        if self.shared.get(asked.identity) is task:
            del self.shared[asked.identity]

    def trip(self, asked: Asked, entry: Entry | None, why: str) -> asyncio.Task[Came]:
        """A forward that goes on whoever goes away (CA-27)."""
        trip = Trip(asked.target)
        self.trips.add(trip)
        task = asyncio.create_task(self.bring(asked, entry, why, trip))
        task.add_done_callback(lambda _: self.trips.discard(trip))
        return task

    async def bring(self, asked: Asked, entry: Entry | None, why: str, trip: Trip) -> Came:
        """Ask the origin, and keep what may be kept."""
        may_change = asked.method == "GET" and "no-store" not in asked.control
        conditions = None
        if entry is not None and may_change and entry.answer.has_validator:
            conditions = [("If-None-Match", value) for value in entry.answer.lines("etag")[:1]]
            conditions += [("If-Modified-Since", value) for value in entry.answer.lines("last-modified")[:1]]
        began = time.monotonic()
        try:
            answer = await self.origin.ask(asked, conditions)
        except Failed as fault:
            answer = problem(fault.status, "the origin does not answer")
            may_change = False
        took = time.monotonic() - began
        if entry is not None and why == "stale" and answer.status in FAILURES and entry.may_be_stale("stale-if-error"):
            self.shelf.use(entry)
            return Came(entry.answer, entry, is_for_all=True)
        if entry is not None and conditions is not None and answer.status == 304:
            names = {name.lower() for name, _ in answer.fields} - KEPT
            fields = [*entry.answer.without(*names), *answer.without(*KEPT)]
            answer = Answer(entry.answer.status, fields, entry.answer.body, entry.answer.reason)
            new = Entry(asked, answer, took)
            is_stored = entry in self.shelf.entries and not trip.is_overtaken
            if is_stored:
                self.shelf.put(new, entry)
            return Came(answer, new, is_stored, is_for_all=True)
        return self.kept(asked, answer, took, entry, trip) if may_change else Came(answer)

    def kept(self, asked: Asked, answer: Answer, took: float, entry: Entry | None, trip: Trip) -> Came:
        """Store it, or drop what it shows to be old."""
        if answer.may_be_stored(asked):
            if not trip.is_overtaken:
                old = entry if entry in self.shelf.entries else self.shelf.find(asked)[0]
                self.shelf.put(Entry(asked, answer, took), old)
            return Came(answer, is_stored=not trip.is_overtaken, is_for_all=True)
        if entry is not None and answer.status < 500 and answer.status != 304:
            self.shelf.drop(entry)
        return Came(answer)

    def may_refresh_behind(self, asked: Asked, entry: Entry) -> bool:
        """CA-28."""
        return not SELECTING & asked.control.keys() and entry.may_be_stale("stale-while-revalidate")

    def refresh(self, asked: Asked, entry: Entry) -> None:
        """Behind the client's back, once at a time."""
        if entry.is_refreshing:
            return
        entry.is_refreshing = True
        fields = asked.without("if-none-match", "if-modified-since", "cache-control")
        task = self.trip(Asked("GET", asked.target, fields), entry, "stale")
        self.refreshing.add(task)
        task.add_done_callback(lambda _: self.refreshed(entry, task))

    def refreshed(self, entry: Entry, task: asyncio.Task[Came]) -> None:
        """Another one may begin."""
        entry.is_refreshing = False
        self.refreshing.discard(task)
