"""Faults as values (contract C-14). Killing is none of them: it is not undone, but followed by a new start."""

from __future__ import annotations

import enum
from dataclasses import dataclass

LONGEST = 30.0
"""Seconds after which any fault is undone, whatever became of the check that asked for it."""


class Lost(enum.StrEnum):
    """Which way of a half-open connection loses what is sent."""

    ANSWERS = "answers"
    REQUESTS = "requests"


@dataclass(frozen=True, slots=True)
class Pause:
    """Every process stops; connections stay open and silent.

    Attributes:
        longest: seconds.
    """

    longest: float = LONGEST


@dataclass(frozen=True, slots=True)
class Cut:
    """No byte passes either way."""

    longest: float = LONGEST


@dataclass(frozen=True, slots=True)
class Delay:
    """Every byte arrives later, both ways. Takes a fault proxy.

    Attributes:
        seconds: so much later.
    """

    seconds: float
    longest: float = LONGEST


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """What goes one way is lost, the other way passes. Takes a fault proxy."""

    lost: Lost
    longest: float = LONGEST


Fault = Pause | Cut | Delay | HalfOpen
