"""The drawing of a history that no linearizable service can have: who asked what when, and the answer that is impossible.

Not to scale: what overlaps and what comes after what is all that the proof needs, so the moments stand side by side, as
columns, and their milliseconds beside them. One row is one operation, in the order of their sending.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labrunner.rules.text import printable, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labrunner.rules.linear import Judgement, Operation

MOST_ROWS = 14
"""Operations drawn; of a longer proof the last ones, and how many are left out."""
TEXT_WIDTH = 60
_HEAD, _ROW, _LEFT, _STEP, _RIGHT = 56, 28, 190, 44, 470
_INK, _BAD, _QUIET = "#3b4754", "#c4302b", "#7a8694"


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


def _remark(row: Row) -> str:
    return "impossible" if row.is_impossible else "where it came from" if row.is_origin else ""


def lines(drawing: Timeline, *, plain: bool = False) -> list[str]:
    """The drawing as text, without colours.

    Args:
        drawing: to show.
        plain: ASCII alone.
    """
    left, rule, right, open_end, cross = "[-]>x" if plain else "├─┤▸✗"
    step = max(2, min(6, 36 // max(1, drawing.columns - 1)))
    width = step * (drawing.columns - 1) + 2
    who = max(len(row.who) for row in drawing.rows)
    when = max(len(row.when) for row in drawing.rows)
    shown = [drawing.title, ""]
    for row in drawing.rows:
        begin = row.begin * step
        end = width - 1 if row.end is None else max(row.end * step, begin + 1)
        bar = " " * begin + left + rule * (end - begin - 1) + (open_end if row.end is None else right)
        remark = _remark(row)
        remark = f"  {cross} {remark}" if row.is_impossible else f"  ({remark})" if remark else ""
        shown.append(f"  {row.who:<{who}}  {bar:<{width}}  {row.when:>{when}}  {row.what}{remark}")
    shown.append("")
    if drawing.left_out:
        shown.append(f"  {drawing.left_out} earlier operations of the proof are not drawn.")
    shown.append(f"  expected  {drawing.expected}")
    shown.append(f"  got       {drawing.got}")
    return shown


def svg(drawing: Timeline) -> str:
    """The drawing as a picture by itself: no script, no style sheet, nothing loaded."""
    right = _LEFT + _STEP * drawing.columns
    width, height = right + _RIGHT, _HEAD + _ROW * (len(drawing.rows) + 3)
    title = html.escape(drawing.title)
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="monospace" font-size="13">',
        f"<title>{title}</title>",
        f"<desc>{html.escape(chr(10).join(lines(drawing, plain=True)))}</desc>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        _text(16, 28, drawing.title, _INK, bold=True),
    ]
    for number, row in enumerate(drawing.rows):
        parts += _drawn(row, _HEAD + _ROW * number, right)
    below = _HEAD + _ROW * (len(drawing.rows) + 1)
    if drawing.left_out:
        parts.append(_text(16, below - _ROW // 2, f"{drawing.left_out} earlier operations are not drawn", _QUIET))
    parts.append(_text(16, below + 8, f"expected  {drawing.expected}", _INK))
    parts.append(_text(16, below + 8 + _ROW, f"got       {drawing.got}", _BAD))
    return "\n".join([*parts, "</svg>", ""])


def _drawn(row: Row, top: int, right: int) -> list[str]:
    colour = _BAD if row.is_impossible else _QUIET if row.is_origin else _INK
    begin = _LEFT + _STEP * row.begin
    end = right if row.end is None else max(_LEFT + _STEP * row.end, begin + 6)
    dashed = ' stroke-dasharray="5 4"' if row.end is None else ""
    remark = _remark(row)
    what = (
        f"{row.what}  {chr(0x2717)} {remark}"
        if row.is_impossible
        else f"{row.what}  ({remark})"
        if remark
        else row.what
    )
    bars = [
        f'<path d="M{begin} {top + 4}v12M{begin} {top + 10}H{end}" fill="none" stroke="{colour}" stroke-width="3"{dashed}/>'
    ]
    if row.end is not None:
        bars.append(f'<path d="M{end} {top + 4}v12" stroke="{colour}" stroke-width="3"/>')
    return [
        f"<g><title>{html.escape(f'{row.who}, {row.when}: {row.what}')}</title>",
        _text(16, top + 14, row.who, colour),
        *bars,
        _text(right + 16, top + 14, what, colour, bold=row.is_impossible),
        "</g>",
    ]


def _text(x: int, y: int, text: str, colour: str, *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{y}" fill="{colour}"{weight} xml:space="preserve">{html.escape(text)}</text>'
