"""Whose turn it is: a part of many, chosen by a commit's hash, so that each commit tries others and can be repeated."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def turns(names: Iterable[str], count: int, commit: str, salt: str = "") -> frozenset[str]:
    """`count` of `names` (all, when there are not more), the same for the same commit wherever it is asked.

    Args:
        names: to choose from; their order does not matter, and adding one changes the choice by at most one.
        count: how many.
        commit: the hash, or any other text.
        salt: makes another choice for another purpose.
    """
    return frozenset(_ordered(names, commit, salt)[:count])


def _ordered(names: Iterable[str], commit: str, salt: str) -> list[str]:
    return sorted(names, key=lambda name: hashlib.sha256(f"{commit}\0{salt}\0{name}".encode()).digest())


def tenth(
    names: Iterable[str], commit: str, salt: str = "", brings: Callable[[str], set[str]] | None = None
) -> frozenset[str]:
    """A tenth of `names`, rounded up; see `turns`.

    Args:
        names: to choose from.
        commit: the hash, or any other text.
        salt: makes another choice for another purpose.
        brings: one of them, and others that come along with it, which count too. The first in turn comes whatever it brings, so
            that each has its turn; after it, who would bring too many is passed over.
    """
    ordered = _ordered(names, commit, salt)
    room = math.ceil(len(ordered) / 10)
    chosen: list[str] = []
    brought: set[str] = set()
    for name in ordered:
        more = brought | ({name} if brings is None else brings(name))
        if not chosen or len(more) <= room:
            chosen.append(name)
            brought = more
    return frozenset(chosen)
