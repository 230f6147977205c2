"""Whether an answer may be stored, for how long it is fresh, and how old it may be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from labrunner.rules.caching.records import joined

if TYPE_CHECKING:
    from labrunner.rules.caching.records import Asked, Said

STORABLE = frozenset({200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501})
SLACK = 1.0
"""CA-13: an age may be off by so many seconds."""
_SHARED_ANYWAY = ("public", "s-maxage", "must-revalidate")
_NEVER_STALE = ("must-revalidate", "proxy-revalidate", "s-maxage")


class Storing(Enum):
    """What a cache does with an answer."""

    MUST = "is stored"
    EITHER = "may be stored"
    NEVER = "is not stored"


def storing(asked: Asked, said: Said) -> Storing:
    """CA-8 and CA-9 (RFC 9111, section 3)."""
    theirs = said.directives
    is_forbidden = (
        asked.method != "GET"
        or asked.get("range") is not None
        or said.status not in STORABLE
        or "no-store" in theirs
        or "private" in theirs
        or "*" in (said.get("vary") or "").split(",")
        or "no-store" in asked.directives
        or (asked.get("authorization") is not None and not any(name in theirs for name in _SHARED_ANYWAY))
    )
    if is_forbidden:
        return Storing.NEVER
    if said.has_validator:
        return Storing.MUST
    if not has_explicit_lifetime(said):
        return Storing.NEVER
    return Storing.MUST if lifetime(said) > 0 else Storing.EITHER


def has_explicit_lifetime(said: Said) -> bool:
    """Whether it says how long it is fresh."""
    theirs = said.directives
    return "s-maxage" in theirs or "max-age" in theirs or said.expires is not None or said.is_expires_invalid


def lifetime(said: Said) -> int:
    """CA-11 (RFC 9111, 4.2.1), in seconds; 0 when it is stale at once."""
    theirs = said.directives
    for name in ("s-maxage", "max-age"):
        if (told := theirs.seconds(name)) is not None:
            return told
    if said.expires is None or said.is_expires_invalid:
        return 0
    return max(0, said.expires - (said.date or 0))


@dataclass(frozen=True)
class Stored:
    """An answer in the store.

    Attributes:
        head: whose fields it has: the answer's, or those of the 304 that refreshed it, merged.
        body: the number of the answer whose body it has.
        sent: the moment before the request that it was fetched for was sent.
        variant: the request's fields that ``Vary`` names.
    """

    head: Said
    body: int
    sent: float
    variant: tuple[tuple[str, str | None], ...]

    def matches(self, asked: Asked) -> bool:
        """CA-21."""
        return all(asked.get(name) == value for name, value in self.variant)

    def age(self, asked: Asked) -> tuple[float, float]:
        """CA-12 (RFC 9111, 4.2.3): its least and greatest age while the request is acted upon, with CA-13's slack."""
        head = self.head
        took = head.done - head.arrived
        ahead = 0 if head.date is None else head.date
        told = int(joined(head.fields, "age") or 0)
        apparent = 0.0 if head.date is None else max(0.0, 1.0 - ahead + took)  # Date is cut to whole seconds
        least = max(0, -ahead, told) + max(0.0, asked.sent - head.done)
        greatest = max(apparent, told + head.done - self.sent) + max(0.0, asked.answered - head.arrived)
        return max(0.0, least - SLACK), greatest + SLACK

    def may_be_fresh(self, asked: Asked) -> bool:
        """Whether it may be fresh at that time: lifetime > age."""
        return lifetime(self.head) > self.age(asked)[0]

    def may_be_stale(self, asked: Asked) -> bool:
        """Whether it may be stale at that time."""
        return lifetime(self.head) <= self.age(asked)[1]

    def staleness(self, asked: Asked) -> tuple[float, float]:
        """Seconds since its end of freshness."""
        least, greatest = self.age(asked)
        return least - lifetime(self.head), greatest - lifetime(self.head)

    @property
    def is_never_stale(self) -> bool:
        """CA-14: whether it must not be used unvalidated once stale."""
        return any(name in self.head.directives for name in (*_NEVER_STALE, "no-cache"))


def store(asked: Asked, said: Said) -> Stored:
    """What is stored of an answer."""
    names = [name.lower() for name in (said.get("vary") or "").split(",") if name]
    return Stored(said, said.number, asked.sent, tuple((name, asked.get(name)) for name in names))
