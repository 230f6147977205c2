"""What every container, network and image of ours bears, so that nothing of it is ever lost."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from labrunner.runtimes.owner import owner

RUN = "labrunner.run"
"""The random id of the run that it belongs to and ends with; empty for what outlives a run (cached builds)."""
OWNER = "labrunner.owner"
"""The process that started the run, so that `lab doctor --clean` can tell the living from the dead."""
IMAGE = "labrunner.image"
"""On an image that `lab images build` made: its name."""
CACHE = "labrunner.cache"
"""On a cached build of a solution: what was built."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run, by an id that nobody can guess."""

    id: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def labels(self) -> dict[str, str]:
        """For everything that ends with the run."""
        return {RUN: self.id, OWNER: owner()}
