"""What is drawn of a history that no linearizable service can have.

Not to scale: what overlaps and what comes after what is all that the proof needs, so the moments stand side by side, as
columns, and their milliseconds beside them. One row is one operation, in the order of their sending.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labrunner.model.timeline import Row, Timeline
from labrunner.rules.text import printable, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labrunner.rules.linear.records import Judgement, Operation

MOST_ROWS = 14
"""Operations drawn; of a longer proof the last ones, and how many are left out."""
TEXT_WIDTH = 60


def timeline(history: Sequence[Operation], judgement: Judgement) -> Timeline:
    """The drawing's content.

    Args:
        history: that was judged.
        judgement: of it: *impossible*.
    """
    impossible = judgement.telling[-1]
    chosen = judgement.telling[-MOST_ROWS:]
    if judgement.origin is not None:
        chosen = (judgement.origin, *chosen)
    drawn = sorted(chosen, key=lambda index: (history[index].sent, index == impossible))
    moments = sorted(
        {history[index].sent for index in drawn}
        | {answered for index in drawn if (answered := history[index].answered) is not None}
    )
    column = {moment: place for place, moment in enumerate(moments)}
    rows = tuple(
        Row(
            f"client {one.client}",
            _when(one, moments[0]),
            _what(one),
            column[one.sent],
            None if one.answered is None else column[one.answered],
            index == impossible,
            index == judgement.origin,
        )
        for index in drawn
        for one in (history[index],)
    )
    title = f"{_safe(judgement.key)}: in no order of these operations is every answer right"
    left_out = len(judgement.telling) - min(len(judgement.telling), MOST_ROWS)
    return Timeline(title, rows, len(moments), left_out, _safe(judgement.expected), _safe(judgement.got))


def _safe(text: str) -> str:
    return shorten(printable(text), TEXT_WIDTH)


def _what(one: Operation) -> str:
    answer = "no answer" if one.answered is None else one.action.got()
    return f"{_safe(one.action.told())} -> {_safe(answer)}"


def _when(one: Operation, origin: float) -> str:
    end = "?" if one.answered is None else f"{(one.answered - origin) * 1000:.1f}"
    return f"{(one.sent - origin) * 1000:.1f} to {end} ms"
