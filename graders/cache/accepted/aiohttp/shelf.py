"""What is stored."""

from __future__ import annotations

import re
import time
from collections import OrderedDict, defaultdict

from messages import Answer, Asked

NEVER_STALE = {"no-cache", "must-revalidate", "proxy-revalidate", "s-maxage"}
OF_304 = {"etag", "date", "vary", "cache-control", "expires", "content-location"}
TAG = re.compile(r'(?:W/)?("[^"]*")')


class Entry:
    """A stored answer."""

    def __init__(self, asked: Asked, answer: Answer, took: float) -> None:
        self.target = asked.target
        self.answer = Answer(answer.status, answer.without("age"), answer.body, answer.reason)
        told = (answer.lines("age") or ["0"])[0]
        self.date = answer.date("date") or time.time()
        arrived_old = max(0.0, time.time() - self.date, (int(told) if told.isdigit() else 0) + took)
        self.born = time.monotonic() - arrived_old
        self.variant = {name: asked.list(name) for name in (answer.list("vary") or "").lower().split(",") if name}
        self.is_refreshing = False

    @property
    def age(self) -> float:
        """Seconds."""
        return time.monotonic() - self.born

    def fits(self, asked: Asked) -> bool:
        """CA-21."""
        return all(asked.list(name) == value for name, value in self.variant.items())

    def may_be_stale(self, directive: str) -> bool:
        """CA-28, CA-29."""
        window = self.answer.seconds(directive)
        is_forbidden = bool(NEVER_STALE & self.answer.control.keys())
        return window is not None and not is_forbidden and self.age - self.answer.lifetime <= window

    def why_not(self, asked: Asked) -> str:
        """CA-6; "" when it can be used."""
        if self.age >= self.answer.lifetime or "no-cache" in self.answer.control:
            return "stale"
        limit, left = asked.seconds("max-age"), asked.seconds("min-fresh")
        is_over = limit is not None and self.age > limit
        is_over = is_over or (left is not None and self.answer.lifetime - self.age < left)
        return "request" if is_over or {"no-cache", "no-store"} & asked.control.keys() else ""

    def served(self, asked: Asked, status: str) -> Answer:
        """It, or 304 when the client has it."""
        age = ("Age", str(int(self.age)))
        if self.answer.status == 200 and self.is_held(asked):
            kept = [(name, value) for name, value in self.answer.fields if name.lower() in OF_304]
            return Answer(304, kept).marked(status, age)
        return self.answer.marked(status, age)

    def is_held(self, asked: Asked) -> bool:
        """CA-18."""
        tags = asked.list("if-none-match")
        if tags is not None:
            mine = self.answer.lines("etag")
            return tags == "*" or (bool(mine) and mine[0].removeprefix("W/") in TAG.findall(tags))
        since, changed = asked.date("if-modified-since"), self.answer.date("last-modified")
        return since is not None and changed is not None and changed <= since


class Shelf:
    """Entries, the least recently used first."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.evictions = 0
        self.entries: OrderedDict[Entry, None] = OrderedDict()
        self.by_target: defaultdict[str, list[Entry]] = defaultdict(list)

    def find(self, asked: Asked) -> tuple[Entry | None, str]:
        """The newest that fits; and if there is none, why."""
        mine = self.by_target.get(asked.target, [])
        fitting = [entry for entry in mine if entry.fits(asked)]
        return max(fitting, key=lambda entry: entry.date, default=None), "vary-miss" if mine else "uri-miss"

    def use(self, entry: Entry) -> None:
        """It was served."""
        if entry in self.entries:
            self.entries.move_to_end(entry)

    def put(self, entry: Entry, old: Entry | None) -> None:
        """Store it instead of an old one."""
        if old is not None:
            self.drop(old)
        while len(self.entries) >= self.room:
            self.drop(next(iter(self.entries)))
            self.evictions += 1
        self.entries[entry] = None
        self.by_target[entry.target].append(entry)

    def drop(self, entry: Entry) -> None:
        """Forget it."""
        if entry in self.entries:
            del self.entries[entry]
            self.by_target[entry.target].remove(entry)
            if not self.by_target[entry.target]:
                del self.by_target[entry.target]
