"""Whose turn it is: a part of many, chosen by a commit's hash, so that each commit tries others and can be repeated."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def turns(names: Iterable[str], count: int, commit: str, salt: str = "") -> frozenset[str]:
    """`count` of `names` (all, when there are not more), the same for the same commit wherever it is asked.

    Args:
        names: to choose from; their order does not matter, and adding one changes the choice by at most one.
        count: how many.
        commit: the hash, or any other text.
        salt: makes another choice for another purpose.
    """

    def rank(name: str) -> bytes:
        return hashlib.sha256(f"{commit}\0{salt}\0{name}".encode()).digest()

    return frozenset(sorted(names, key=rank)[:count])


def tenth(names: Iterable[str], commit: str, salt: str = "") -> frozenset[str]:
    """A tenth of `names`, rounded up; see `turns`."""
    chosen = tuple(names)
    return turns(chosen, math.ceil(len(chosen) / 10), commit, salt)
