"""A solution: the learner's directory, and the copy of it that is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from labrunner.model.lab import Language


@dataclass(frozen=True, slots=True)
class Solution:
    """What ``solution.toml`` says.

    Attributes:
        path: the directory that holds it.
        run: argv that starts the service, relative to ``path``.
        build: argv run once before, in the build phase; empty when there is none.
    """

    path: Path
    lab: str
    language: Language
    run: tuple[str, ...]
    build: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Staged:
    """A private copy of a solution: what is built and run, whatever the learner edits meanwhile.

    Attributes:
        path: the copy.
        digest: ``sha256:<hex>`` over names, modes and contents.
    """

    solution: Solution
    path: Path
    digest: str
