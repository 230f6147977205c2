"""A timeline drawn, as text and as a picture: who asked what when, and the answer that is impossible."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from labrunner.rules.text import printable

if TYPE_CHECKING:
    from labrunner.model.timeline import Row, Timeline

_HEAD, _ROW, _LEFT, _STEP, _RIGHT = 56, 28, 190, 44, 470
_INK, _BAD, _QUIET = "#3b4754", "#c4302b", "#7a8694"


def _remark(row: Row, cross: str) -> str:
    if row.is_impossible:
        return f"  {cross} impossible"
    return "  (where it came from)" if row.is_origin else ""


def lines(drawing: Timeline, *, plain: bool = False) -> list[str]:
    """The drawing as text, without colours.

    Args:
        drawing: to show.
        plain: ASCII alone.
    """
    left, rule, right, open_end, cross = "[-]>x" if plain else "├─┤▸✗"
    columns = _columns(drawing)
    step = max(2, min(6, 36 // max(1, columns - 1)))
    width = step * (columns - 1) + 2
    who = max((len(row.who) for row in drawing.rows), default=0)
    when = max((len(row.when) for row in drawing.rows), default=0)
    shown = [drawing.title, ""]
    for row in drawing.rows:
        first, last = _span(row, columns)
        begin = first * step
        end = width - 1 if last is None else max(last * step, begin + 1)
        bar = " " * begin + left + rule * (end - begin - 1) + (open_end if row.end is None else right)
        shown.append(f"  {row.who:<{who}}  {bar:<{width}}  {row.when:>{when}}  {row.what}{_remark(row, cross)}")
    shown.append("")
    if drawing.left_out:
        shown.append(f"  {drawing.left_out} earlier operations of the proof are not drawn.")
    shown.append(f"  expected  {drawing.expected}")
    shown.append(f"  got       {drawing.got}")
    return shown


def svg(drawing: Timeline) -> str:
    """The drawing as a picture by itself: no script, no style sheet, nothing loaded."""
    columns = _columns(drawing)
    right = _LEFT + _STEP * columns
    width, height = right + _RIGHT, _HEAD + _ROW * (len(drawing.rows) + 3)
    title = html.escape(printable(drawing.title))
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="monospace" font-size="13">',
        f"<title>{title}</title>",
        f"<desc>{html.escape(chr(10).join(map(printable, lines(drawing, plain=True))))}</desc>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        _text(16, 28, drawing.title, _INK, bold=True),
    ]
    for number, row in enumerate(drawing.rows):
        parts += _drawn(row, _HEAD + _ROW * number, right, columns)
    below = _HEAD + _ROW * (len(drawing.rows) + 1)
    if drawing.left_out:
        parts.append(_text(16, below - _ROW // 2, f"{drawing.left_out} earlier operations are not drawn", _QUIET))
    parts.append(_text(16, below + 8, f"expected  {drawing.expected}", _INK))
    parts.append(_text(16, below + 8 + _ROW, f"got       {drawing.got}", _BAD))
    return "\n".join([*parts, "</svg>", ""])


def _columns(drawing: Timeline) -> int:
    """No more than its rows can use: a result may come from anywhere."""
    return max(1, min(drawing.columns, 2 * len(drawing.rows)))


def _span(row: Row, columns: int) -> tuple[int, int | None]:
    first = max(0, min(row.begin, columns - 1))
    return first, None if row.end is None else max(first, min(row.end, columns - 1))


def _drawn(row: Row, top: int, right: int, columns: int) -> list[str]:
    colour = _BAD if row.is_impossible else _QUIET if row.is_origin else _INK
    first, last = _span(row, columns)
    begin = _LEFT + _STEP * first
    end = right if last is None else max(_LEFT + _STEP * last, begin + 6)
    dashed = ' stroke-dasharray="5 4"' if last is None else ""
    bars = [
        f'<path d="M{begin} {top + 4}v12M{begin} {top + 10}H{end}" fill="none" stroke="{colour}" stroke-width="3"{dashed}/>'
    ]
    if last is not None:
        bars.append(f'<path d="M{end} {top + 4}v12" stroke="{colour}" stroke-width="3"/>')
    return [
        f"<g><title>{html.escape(printable(f'{row.who}, {row.when}: {row.what}'))}</title>",
        _text(16, top + 14, row.who, colour),
        *bars,
        _text(right + 16, top + 14, row.what + _remark(row, chr(0x2717)), colour, bold=row.is_impossible),
        "</g>",
    ]


def _text(x: int, y: int, text: str, colour: str, *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{y}" fill="{colour}"{weight} xml:space="preserve">{html.escape(printable(text))}</text>'
