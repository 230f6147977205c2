"""The drawing of a violation, as text and as a picture."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from labrunner.model.timeline import Row, Timeline
from labrunner.reports.timeline import lines, svg
from labrunner.rules.linear import (
    RECORD,
    REGISTER,
    Get,
    Judgement,
    Operation,
    Put,
    Read,
    Verdict,
    Write,
    judge,
    timeline,
)
from labrunner.rules.linear.drawing import MOST_ROWS

STALE = [
    Operation("k7", 0, 10.0, 10.010, Put('"a"', 201, 5)),
    Operation("k7", 1, 10.020, 10.040, Put('"b"', 200, 6)),
    Operation("k7", 2, 10.030, None, Put('"c"')),
    Operation("k7", 3, 10.050, 10.060, Get('"a"', 5)),
]


def test_a_stale_read_is_drawn_as_text() -> None:
    """Who, when, what, the impossible read marked, and where its value came from."""
    judgement = judge(RECORD, STALE)
    assert lines(timeline(STALE, judgement)) == [
        "k7: in no order of these operations is every answer right",
        "",
        '  client 0  ├─────┤                            0.0 to 10.0 ms  PUT "a" -> 201 version 5  (where it came from)',
        '  client 1              ├─────┤               20.0 to 40.0 ms  PUT "b" -> 200 version 6',
        '  client 3                          ├─────┤   50.0 to 60.0 ms  GET -> 200 "a", version 5  ✗ impossible',
        "",
        '  expected  200 "b", version 6 or 200 "c", version 7',
        '  got       200 "a", version 5',
    ]  # fmt: skip


def test_plain_text_is_ascii() -> None:
    """A terminal without Unicode gets the same drawing."""
    assert all(line.isascii() for line in lines(timeline(STALE, judge(RECORD, STALE)), plain=True))


def test_the_picture_is_one_row_an_operation() -> None:
    """The SVG is well-formed, loads nothing, and marks one operation."""
    picture = svg(timeline(STALE, judge(RECORD, STALE)))
    tree = ET.fromstring(picture)
    rows = tree.findall("{http://www.w3.org/2000/svg}g")
    assert [row[1].text for row in rows] == ["client 0", "client 1", "client 3"]
    assert [("impossible" in (row[-1].text or "")) for row in rows] == [False, False, True]
    assert "href" not in picture
    assert "<script" not in picture


def test_an_operation_without_answer_stays_open() -> None:
    """An unknown outcome reaches to the right edge, and says so."""
    judgement = Judgement(Verdict.IMPOSSIBLE, "k7", (2, 3))
    drawing = timeline(STALE, judgement)
    assert drawing.rows[0].end is None
    assert "no answer" in lines(drawing)[2]
    assert "stroke-dasharray" in svg(drawing)


def test_what_a_service_answers_cannot_break_the_drawing() -> None:
    """Controls and markup of an answer are escaped in both forms."""
    evil = [Operation("<k>\x1b[2J", 0, 0.0, 1.0, Read("</svg><script>\n\x1b[31m"))]
    drawing = timeline(evil, judge(REGISTER, evil))
    assert all("\x1b" not in line and "\n" not in line for line in lines(drawing))
    assert "<script" not in svg(drawing)
    ET.fromstring(svg(drawing))


def test_a_long_proof_is_cut_at_its_beginning() -> None:
    """The last operations are drawn, and how many are not is told."""
    many = [Operation("k", 0, float(i), i + 0.5, Write(i)) for i in range(MOST_ROWS + 5)]
    drawing = timeline(many, Judgement(Verdict.IMPOSSIBLE, "k", tuple(range(len(many)))))
    assert (len(drawing.rows), drawing.left_out) == (MOST_ROWS, 5)
    assert any("5 earlier" in line for line in lines(drawing))


def test_a_forged_one_is_drawn_small() -> None:
    """A result may come from anywhere: numbers that no history has make no large drawing, and no error."""
    forged = Row("a\x1b", "b", "<c>", -7, 10**12, is_impossible=True, is_origin=False)
    for rows in ((), (forged,)):
        drawing = Timeline("\x1b]", rows, 10**12, 0, "x", "y")
        assert sum(map(len, lines(drawing))) < 1000
        picture = svg(drawing)
        assert "\x1b" not in picture
        ET.fromstring(picture)
