"""The cache: what is answered from the store, what is forwarded, and who waits for whom."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from directives import date_of, directives, joined, seconds
from forwarding import CONDITIONS, Origin
from http_plumbing import CutShort, Fields, NoAnswer, Request, Response, TooLate, as_json, problem, values
from store import Entry, Store, entry_of, may_store

SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}
KEPT = {"content-length", "content-encoding", "content-range", "etag"}
FAILED = {500, 502, 503, 504}
TAG = re.compile(r'(?:W/)?("[^"]*")')
SELECTING = ("no-cache", "max-age", "min-fresh", "no-store")


@dataclass(eq=False)
class Flight:
    """A forward under way. `key`: what who joins it must be equal in. `is_void`: its URI was invalidated meanwhile."""

    key: tuple[object, ...] = ()
    is_void: bool = False
    done: threading.Event = field(default_factory=threading.Event)
    outcome: Outcome | None = None


@dataclass(frozen=True)
class Outcome:
    """What a forward led to.

    `entry` when it may be stored, so that it can be shared; `is_reused` when it is what was stored before, validated or in
    spite of a failure.
    """

    response: Response
    entry: Entry | None = None
    is_reused: bool = False
    is_stored: bool = False
    has_failed: bool = False


class Cache:
    """Thread-safe. The lock is never held while the origin is asked."""

    def __init__(self, origin: Origin, capacity: int) -> None:
        self.origin = origin
        self.store = Store(capacity)
        self.lock = threading.Lock()
        self.flights: dict[str, set[Flight]] = {}
        self.joinable: dict[tuple[object, ...], Flight] = {}
        self.hits = self.misses = self.collapsed = 0

    def stats(self) -> Response:
        """CA-31."""
        with self.lock:
            told = {"entries": len(self.store.order), "hits": self.hits, "misses": self.misses}
            return as_json(200, told | {"collapsed": self.collapsed, "evictions": self.store.evictions})

    def purge(self, target: str) -> Response:
        """CA-23."""
        with self.lock:
            return Response(204) if self.invalidate(target) else problem(404, "not stored")

    def invalidate(self, target: str) -> bool:
        """Drop what is stored, and what is on its way. Under the lock."""
        for flight in self.flights.get(target, ()):
            flight.is_void = True
        self.joinable = {key: flight for key, flight in self.joinable.items() if key[0] != target}
        return self.store.drop_all(target)

    def answer(self, request: Request) -> Response:
        """Anything that is not for the service itself."""
        if request.method not in {"GET", "HEAD"}:
            return self.change(request)
        if values(request.fields, "range"):
            return self.relay(request, "bypass")
        with self.lock:
            entry = self.store.find(request)
            why = "" if entry else "vary-miss" if self.store.has(request.target) else "uri-miss"
            why = why_not(request, entry) if entry else why
            if entry and (not why or (why == "stale" and self.may_serve_stale(request, entry))):
                self.hits += 1
                self.store.use(entry)
                if why and not entry.is_refreshing:
                    entry.is_refreshing = True
                    threading.Thread(target=self.refresh, args=(request, entry), daemon=True).start()
                return served(request, entry, "hit")
            if "only-if-cached" in directives(request.fields):
                return problem(504, "not stored")
            self.misses += 1
            flight, is_leader = self.board(request)
        return self.fetch(request, entry, why, flight, is_leader=is_leader)

    def may_serve_stale(self, request: Request, entry: Entry) -> bool:
        """CA-28."""
        asked = directives(request.fields)
        return not any(name in asked for name in SELECTING) and entry.may_be_stale("stale-while-revalidate")

    # --- forwarding ------------------------------------------------------------------------------------------------

    def change(self, request: Request) -> Response:
        """CA-22."""
        response = self.relay(request, "method")
        is_own = not any("fwd=method" in value for value in values(response.fields, "cache-status"))
        if request.method not in SAFE and 200 <= response.status < 400 and not is_own:
            with self.lock:
                for target in self.changed(request, response):
                    self.invalidate(target)
        return response

    def changed(self, request: Request, response: Response) -> set[str]:
        """The targets that a change is about."""
        ours = {self.origin.authority, *values(request.fields, "host")}
        found = {request.target}
        for value in values(response.fields, "location") + values(response.fields, "content-location"):
            parts = urlsplit(urljoin(f"http://{self.origin.authority}{request.target}", value))
            if parts.netloc in ours:
                found.add((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        return found

    def relay(self, request: Request, why: str) -> Response:
        """Forward it; nothing is stored."""
        try:
            return marked(self.origin.fetch(request, None), f"fwd={why}")
        except (NoAnswer, TooLate, CutShort) as fault:
            return failure(fault)

    def board(self, request: Request) -> tuple[Flight, bool]:
        """The forward to wait for, or one to lead, and whether to lead.

        Under the lock of the look into the store: what ended between the two would be found by neither.
        """
        asked = directives(request.fields)
        is_plain = request.method == "GET" and not any(values(request.fields, name) for name in CONDITIONS)
        if not is_plain or any(name in asked for name in SELECTING):
            return Flight(), True
        key = (request.target, *sorted((name.lower(), value) for name, value in request.fields))
        flight = self.joinable.get(key)
        if flight is not None:
            return flight, False
        flight = self.joinable[key] = Flight(key)
        self.flights.setdefault(request.target, set()).add(flight)
        return flight, True

    def fetch(self, request: Request, entry: Entry | None, why: str, flight: Flight, *, is_leader: bool) -> Response:
        """Forward a GET or HEAD, or wait for one like it."""
        if is_leader:
            try:
                flight.outcome = self.forward(request, entry, flight)
            finally:
                with self.lock:
                    if self.joinable.get(flight.key) is flight:
                        del self.joinable[flight.key]
                flight.done.set()
            return self.told(request, flight.outcome, why)
        flight.done.wait()
        outcome = flight.outcome
        if outcome is None or (outcome.entry is None and not outcome.has_failed):
            return self.told(request, self.forward(request, entry, Flight()), why)
        with self.lock:
            self.collapsed += 1
            self.misses -= 1
        return self.told(request, outcome, why, "; collapsed")

    def told(self, request: Request, outcome: Outcome, why: str, more: str = "") -> Response:
        """The client's answer."""
        if outcome.entry is not None and outcome.is_reused:
            return served(request, outcome.entry, f"fwd={why}{more}")
        stored = "; stored" if outcome.is_stored and not more else ""
        return marked(outcome.response, f"fwd={why}{stored}{more}")

    def forward(self, request: Request, entry: Entry | None, flight: Flight) -> Outcome:
        """Ask the origin, and keep what may be kept."""
        with self.lock:
            self.flights.setdefault(request.target, set()).add(flight)
        try:
            return self.settle(request, entry, flight)
        finally:
            with self.lock:
                mine = self.flights[request.target]
                mine.discard(flight)
                if not mine:
                    del self.flights[request.target]

    def settle(self, request: Request, entry: Entry | None, flight: Flight) -> Outcome:
        """CA-17, CA-29."""
        is_get = request.method == "GET" and "no-store" not in directives(request.fields)
        validated = entry if entry and entry.has_validator and is_get else None
        began = time.monotonic()
        try:
            response = self.origin.fetch(request, validated)
        except (NoAnswer, TooLate, CutShort) as fault:
            return self.after_failure(failure(fault), entry)
        took = time.monotonic() - began
        if entry and response.status in FAILED and entry.may_be_stale("stale-if-error"):
            return self.after_failure(response, entry)
        if not is_get:
            return Outcome(response)
        return self.keep(request, response, took, entry, validated, flight)

    def after_failure(self, response: Response, entry: Entry | None) -> Outcome:
        """CA-29: the stored answer, if it may be used; else the failure."""
        if entry and entry.may_be_stale("stale-if-error"):
            with self.lock:
                self.store.use(entry)
            return Outcome(entry.response, entry, is_reused=True)
        return Outcome(response, has_failed=True)

    def keep(
        self, request: Request, response: Response, took: float, entry: Entry | None, validated: Entry | None,
        flight: Flight,
    ) -> Outcome:  # fmt: skip
        """Store, replace, refresh or drop; nothing of a URI that was invalidated meanwhile."""
        if response.status == 304:
            if validated is None:
                return Outcome(response)
            new = entry_of(request, merged(validated.response, response), took)
            with self.lock:
                if not flight.is_void and validated in self.store.order:
                    self.store.put(new, validated)
            return Outcome(new.response, new, is_reused=True)
        is_kept = may_store(request, response)
        new = entry_of(request, response, took)
        with self.lock:
            if is_kept and not flight.is_void:
                self.store.put(new, entry if entry in self.store.order else self.store.find(request))
            elif entry and not is_kept and response.status < 500:
                self.store.drop(entry)
        has_failed = response.status >= 500 and not is_kept
        is_stored = is_kept and not flight.is_void
        return Outcome(response, new if is_kept else None, is_stored=is_stored, has_failed=has_failed)

    def refresh(self, request: Request, entry: Entry) -> None:
        """CA-28: behind the client's back; one that fails changes nothing."""
        left_out = CONDITIONS | {"cache-control"}
        fields = [(name, value) for name, value in request.fields if name.lower() not in left_out]
        try:
            self.forward(Request("GET", request.target, fields), entry, Flight())
        finally:
            entry.is_refreshing = False


def why_not(request: Request, entry: Entry) -> str:
    """Why a stored answer cannot be used; "" when it can."""
    asked, age = directives(request.fields), entry.age
    if age >= entry.lifetime or "no-cache" in entry.told:
        return "stale"
    limit, left = seconds(asked, "max-age"), seconds(asked, "min-fresh")
    is_over = (limit is not None and age > limit) or (left is not None and entry.lifetime - age < left)
    return "request" if is_over or "no-cache" in asked or "no-store" in asked else ""


def merged(old: Response, new: Response) -> Response:
    """CA-17: a 304's fields replace the stored ones."""
    fields = [(name, value) for name, value in new.fields if name.lower() not in KEPT]
    names = {name.lower() for name, _ in fields} | {"age"}
    kept = [(name, value) for name, value in old.fields if name.lower() not in names]
    return Response(old.status, kept + fields, old.body, old.reason)


def marked(response: Response, status: str) -> Response:
    """With `Cache-Status`."""
    return Response(
        response.status, [*response.fields, ("Cache-Status", f"lab; {status}")], response.body, response.reason
    )


def failure(fault: Exception) -> Response:
    """CA-3."""
    return (
        problem(504, "the origin is too slow")
        if isinstance(fault, TooLate)
        else problem(502, "no answer from the origin")
    )


def served(request: Request, entry: Entry, status: str) -> Response:
    """A stored answer, or 304 when the client has it (CA-18)."""
    response = entry.response
    fields = [(name, value) for name, value in response.fields if name.lower() != "age"]
    fields.append(("Age", str(int(entry.age))))
    if response.status == 200 and is_held(request.fields, response.fields):
        wanted = {"etag", "date", "vary", "cache-control", "age", "x-answer", "expires", "content-location"}
        response = Response(304, [(name, value) for name, value in fields if name.lower() in wanted])
        return marked(response, status)
    return marked(Response(response.status, fields, response.body, response.reason), status)


def is_held(asked: Fields, stored: Fields) -> bool:
    """Whether the client's conditions say that it has it (RFC 9110, 13.1)."""
    tags = joined(asked, "if-none-match")
    mine = values(stored, "etag")
    if tags is not None:
        return tags == "*" or (bool(mine) and mine[0].removeprefix("W/") in TAG.findall(tags))
    since, changed = date_of(asked, "if-modified-since"), date_of(stored, "last-modified")
    return since is not None and changed is not None and changed <= since
