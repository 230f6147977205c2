"""How hard a run looks, where a check can look harder: how many kills, how many keys."""

from __future__ import annotations

import enum


class Effort(enum.StrEnum):
    """Who is waiting for the verdict.

    A check that draws moments by chance draws more of them the higher the effort; what it may conclude is the same.
    """

    BRISK = "brisk"
    """A learner, at `lab test`."""
    THOROUGH = "thorough"
    """Nobody, at `lab grade`."""
    EXHAUSTIVE = "exhaustive"
    """An author, at `lab validate --full`, of solutions that must pass."""

    def of(self, brisk: int, thorough: int, exhaustive: int) -> int:
        """The amount for this effort."""
        return {Effort.BRISK: brisk, Effort.THOROUGH: thorough, Effort.EXHAUSTIVE: exhaustive}[self]
