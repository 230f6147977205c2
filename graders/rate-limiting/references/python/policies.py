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

    @property
    def capacity(self) -> int:
        """The most units that could ever be had at once."""
        return self.limit


def parse(text: str) -> dict[str, Policy]:
    """Policies by their name."""
    tables = json.loads(text)
    return {
        name: Policy(name, table["algorithm"], table["limit"], table["window_ms"]) for name, table in tables.items()
    }
