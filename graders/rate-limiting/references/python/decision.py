"""What a limiter decides. Time is counted in whole microseconds everywhere, so that nothing is lost by rounding."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Decision:
    """What was decided, and what the client may plan with.

    `wait_us`: until this same request would be admitted; 0 when it was. `grows_us`: until more is left than now.
    """

    is_admitted: bool
    remaining: int
    wait_us: int
    grows_us: int


def up(amount: int, unit: int) -> int:
    """How many whole units hold `amount`: a division that rounds up, exactly."""
    return -(-amount // unit)
