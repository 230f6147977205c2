"""The grader's side of the origin: what it shall answer, and what it saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labrunner.checks import undecided

if TYPE_CHECKING:
    from labrunner.checks import Companion

Step = dict[str, Any]
Pairs = tuple[tuple[str, str], ...]
BEYOND_ASCII = bytes(range(128, 256))
"""No text in UTF-8: who takes a body for one changes it."""
REACH_SECONDS = 8.0
"""So long may a request of the service's take to reach the origin before the check gives up on this try."""


@dataclass(frozen=True)
class Call:
    """A request that reached the origin.

    Attributes:
        number: ``X-Answer`` of what it was answered; no other answer of its target has it.
        status: 0 when it was not answered whole.
        arrived: monotonic seconds.
    """

    number: int
    method: str
    fields: Pairs
    body: str
    size: int
    status: int
    arrived: float

    def values(self, name: str) -> list[str]:
        """Each line of a field."""
        return [value for each, value in self.fields if each.lower() == name.lower()]


class Source:
    """The origin, in a check's words."""

    def __init__(self, companion: Companion) -> None:
        self._companion = companion
        self.url = companion.url

    def plan(self, target: str, *steps: Step, then: Step | None = None) -> None:
        """What the next requests of a target are answered, and all those after them."""
        body = {"target": target, "steps": list(steps), "then": then or {}}
        self._companion.control("POST", "/plan", body)

    def reached(self, target: str, count: int = 1, *, what: str = "arrived") -> None:
        """Wait until so many requests of a target got so far; without them this try cannot tell."""
        if not self.is_reached(target, count, what=what):
            undecided(f"fewer than {count} requests of the service's {what} at the origin in {REACH_SECONDS:.0f} s")

    def is_reached(self, target: str, count: int, *, what: str = "arrived", within: float = REACH_SECONDS) -> bool:
        """Whether so many got so far within that time."""
        body = {"target": target, "what": what, "count": count, "timeout": within}
        told = self._companion.control("POST", "/await", body, timeout=within + 5.0)
        return bool(told["reached"])

    def release(self, target: str) -> None:
        """What is held goes on."""
        self._companion.control("POST", "/release", {"target": target})

    def calls(self, target: str) -> list[Call]:
        """All that was asked of a target so far."""
        return [
            _read(call) for call in self._companion.control("POST", "/records", {"targets": [target]})["records"][0]
        ]

    def count(self, prefix: str) -> int:
        """How many requests there were of targets that begin so."""
        return int(self._companion.control("POST", "/count", {"prefix": prefix})["requests"])


def sized(number: int, size: int) -> bytes:
    """The body of a step with a `size`, as the origin makes it."""
    line = f"answer {number} ".encode() + BEYOND_ASCII
    return (line * (size // len(line) + 1))[:size]


def _read(told: dict[str, Any]) -> Call:
    """As the origin tells it."""
    fields = tuple((str(name), str(value)) for name, value in told["fields"])
    return Call(
        number=told["number"],
        method=told["method"],
        fields=fields,
        body=told["body"],
        size=told["size"],
        status=told["status"] or 0,
        arrived=told["arrived"],
    )
