"""What a scanner finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Import:
    """A module that a line brings in.

    Attributes:
        line: from 1.
        module: its full name as the language spells it; a function that stands for one ends in ``()``.
        is_own: whether it can only be a file of the solution's own.
    """

    line: int
    module: str
    is_own: bool = False
