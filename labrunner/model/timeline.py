"""Operations of several clients side by side, of which one was answered as it cannot be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One operation of the drawing.

    Attributes:
        who: the client.
        when: milliseconds since the first moment that is drawn.
        what: asked and answered.
        begin, end: columns; `end` is None when there was no answer.
        is_impossible: whether this is the answer that cannot be right.
        is_origin: whether it only shows where the impossible answer came from.
    """

    who: str
    when: str
    what: str
    begin: int
    end: int | None
    is_impossible: bool
    is_origin: bool


@dataclass(frozen=True, slots=True)
class Timeline:
    """What is drawn.

    Attributes:
        title: what is wrong, one line.
        rows: the operations, the first sent first.
        columns: how many moments stand side by side.
        left_out: operations of the proof for which there is no room.
        expected, got: of the impossible one.
    """

    title: str
    rows: tuple[Row, ...]
    columns: int
    left_out: int
    expected: str
    got: str
