"""How each status looks, wherever people read. Loads nothing, for `lab status`."""

from __future__ import annotations

from typing import NamedTuple

from labrunner.model.status import Status


class Mark(NamedTuple):
    """A status as one character.

    Attributes:
        symbol: the character.
        plain: the same where only ASCII can be written.
        colour: on a terminal; empty for none.
    """

    symbol: str
    plain: str
    colour: str


MARKS = {
    Status.PASSED: Mark("✓", "+", "green"),
    Status.FAILED: Mark("✗", "x", "red"),
    Status.LIMIT: Mark("✗", "x", "red"),
    Status.BLOCKED: Mark("○", "o", "yellow"),
    Status.INCONCLUSIVE: Mark("?", "?", "yellow"),
    Status.ERRORED: Mark("!", "!", "magenta"),
    Status.SKIPPED: Mark("·", "-", ""),
}
BAD = {Status.FAILED, Status.LIMIT}
"""What the solution is at fault for."""
