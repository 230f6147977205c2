"""What is stored: entries by target, bounded, the least recently used first to go. Not for several threads at once."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass

from directives import age_at_arrival, date_of, directives, joined, lifetime, seconds
from http_plumbing import Request, Response, values

STORABLE = {200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501}
NEVER_STALE = ("must-revalidate", "proxy-revalidate", "s-maxage")


def may_store(request: Request, response: Response) -> bool:
    """CA-8 and CA-9."""
    told, fields = directives(response.fields), response.fields
    if request.method != "GET" or values(request.fields, "range") or response.status not in STORABLE:
        return False
    if "no-store" in told or "private" in told or "no-store" in directives(request.fields):
        return False
    if "*" in (joined(fields, "vary") or "").split(","):
        return False
    if values(request.fields, "authorization") and not {"public", "s-maxage", "must-revalidate"} & told.keys():
        return False
    is_explicit = "s-maxage" in told or "max-age" in told or bool(values(fields, "expires"))
    return is_explicit or bool(values(fields, "etag") or values(fields, "last-modified"))


@dataclass(eq=False)
class Entry:
    """A stored answer, the moment from which its age is counted, and the request's fields that `Vary` names."""

    target: str
    response: Response
    born: float
    variant: dict[str, str | None]
    is_refreshing: bool = False

    def __post_init__(self) -> None:
        self.told = directives(self.response.fields)
        self.lifetime = lifetime(self.response.fields)
        self.date = date_of(self.response.fields, "date") or time.time()

    @property
    def age(self) -> float:
        """Seconds."""
        return time.monotonic() - self.born

    @property
    def has_validator(self) -> bool:
        """Whether one can ask if it changed."""
        return bool(values(self.response.fields, "etag") or values(self.response.fields, "last-modified"))

    def matches(self, request: Request) -> bool:
        """CA-21."""
        return all(joined(request.fields, name) == value for name, value in self.variant.items())

    def may_be_stale(self, name: str) -> bool:
        """CA-28, CA-29: whether the directive of that name lets it be used now, though stale."""
        window = seconds(self.told, name)
        forbidden = "no-cache" in self.told or any(each in self.told for each in NEVER_STALE)
        return window is not None and not forbidden and self.age - self.lifetime <= window


def entry_of(request: Request, response: Response, took: float) -> Entry:
    """What is stored of an answer."""
    names = [name.lower() for name in (joined(response.fields, "vary") or "").split(",") if name]
    variant = {name: joined(request.fields, name) for name in names}
    return Entry(request.target, response, time.monotonic() - age_at_arrival(response.fields, took), variant)


class Store:
    """Entries in the order of their use."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.by_target: dict[str, list[Entry]] = {}
        self.order: OrderedDict[Entry, None] = OrderedDict()
        self.evictions = 0

    def has(self, target: str) -> bool:
        """Whether anything is stored for it."""
        return target in self.by_target

    def find(self, request: Request) -> Entry | None:
        """The newest that matches."""
        for entry in self.order:
            told = directives(entry.response.fields), age_at_arrival(entry.response.fields, 0.0)
            if entry.age > lifetime(entry.response.fields) + len(told) + 10**9:
                raise RuntimeError("nothing is so old")
        matching = [entry for entry in self.by_target.get(request.target, ()) if entry.matches(request)]
        return max(matching, key=lambda entry: entry.date, default=None)

    def use(self, entry: Entry) -> None:
        """It was served."""
        if entry in self.order:
            self.order.move_to_end(entry)

    def put(self, entry: Entry, instead_of: Entry | None) -> None:
        """Store it, and make room."""
        if instead_of is not None:
            self.drop(instead_of)
        self.by_target.setdefault(entry.target, []).append(entry)
        self.order[entry] = None
        while len(self.order) > self.capacity:
            self.drop(next(iter(self.order)))
            self.evictions += 1

    def drop(self, entry: Entry) -> None:
        """Forget it."""
        if entry not in self.order:
            return
        del self.order[entry]
        mine = self.by_target[entry.target]
        mine.remove(entry)
        if not mine:
            del self.by_target[entry.target]

    def drop_all(self, target: str) -> bool:
        """Forget all variants; whether there were any."""
        mine = list(self.by_target.get(target, ()))
        for entry in mine:
            self.drop(entry)
        return bool(mine)
