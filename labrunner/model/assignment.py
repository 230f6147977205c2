"""How an instructor marks a lab without forking it, as ``assignment.toml`` states it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark, and the share of points from which it is given."""

    name: str
    share: float


@dataclass(frozen=True, slots=True)
class Terms:
    """What an assignment changes about a lab, as it is kept in the result.

    Attributes:
        title: of the assignment; empty when only a minimum was asked for.
        digest: ``sha256:<hex>`` of the file; empty when there is none.
        minimum: share of points from which the whole is passed; None: every check must pass.
        marks: the highest share first.
        deadline: UTC, ISO 8601; empty when there is none. When something was handed in, no clock of the learner's says.
    """

    title: str = ""
    digest: str = ""
    minimum: float | None = None
    marks: tuple[Mark, ...] = ()
    deadline: str = ""


@dataclass(frozen=True, slots=True)
class Assignment:
    """An ``assignment.toml``.

    Attributes:
        lab: ``id`` or ``pack:id``.
        stages: slugs of the stages that count; empty for all.
        points: of checks, by ``stage/check``; of the others the lab's own.
        pack: folder of a further pack, relative to the file; empty for none.
        pack_digest: what that pack's content must be; empty for any.
    """

    lab: str
    terms: Terms
    stages: tuple[str, ...] = ()
    points: tuple[tuple[str, int], ...] = ()
    pack: str = ""
    pack_digest: str = ""
