"""What `lab replay` found."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from labrunner.model.outcome import Exchange
    from labrunner.model.result import CheckResult


class Replay(NamedTuple):
    """A failed check, its decisive exchange, and what came of the same now."""

    check: CheckResult
    before: Exchange
    after: Exchange
