"""What the environment variable POLICIES says."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Policy:
    """A named limit: so many cost units per window of so many milliseconds."""

    name: str
    algorithm: str
    limit: int
    window_ms: int
    burst: int
    on_store_failure: str

    @property
    def capacity(self) -> int:
        """The most units that could ever be had at once."""
        return self.burst if self.algorithm == "token-bucket" else self.limit

    @property
    def window_us(self) -> int:
        """The window in microseconds, in which time is counted everywhere."""
        return self.window_ms * 1000

    @property
    def fills_in_us(self) -> int:
        """How long all of the capacity takes to come back: the window, or the time in which an empty bucket fills."""
        return -(-self.capacity * self.window_us // self.limit) if self.algorithm == "token-bucket" else self.window_us


def parse(text: str) -> dict[str, Policy]:
    """Policies by their name."""
    return {name: read(name, table) for name, table in json.loads(text).items()}


def read(name: str, table: dict) -> Policy:
    """One policy, with what it leaves out."""
    limit = table["limit"]
    failure = table.get("on_store_failure", "closed")
    return Policy(name, table["algorithm"], limit, table["window_ms"], table.get("burst", limit), failure)
