"""What `lab doctor` finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        advice: what to do; an imperative sentence, or empty.
    """

    is_good: bool
    what: str
    advice: str = ""
