"""Bytes for human eyes, and what is different in a replay."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from labrunner.model.outcome import Exchange, Piece
from labrunner.rules import transcript
from labrunner.rules.replayable import difference, is_whole


def exchange(*pieces: Piece) -> Exchange:
    """With that transcript."""
    return Exchange("GET", "/", (), "", 0.0, 1.0, transcript=pieces)


def test_lines_are_escaped_and_pauses_told() -> None:
    """Line ends, control bytes and backslashes are visible; a pause is told where it matters."""
    pieces = (Piece(0.0, is_sent=True, data=b"a\\\x00\r\nb"), Piece(1.5, is_sent=False, data=b"\xff"),
              Piece(1.5, is_sent=False, event="end"))  # fmt: skip
    assert transcript.lines(pieces) == ["> a\\\\\\x00\\r\\n", "> b", "  (1.50 s later)", "< \\xff", "< (no more bytes)"]


def test_the_middle_of_what_is_long_is_left_out() -> None:
    """Many lines, and long ones, keep their beginning and their end."""
    many = transcript.lines([Piece(0.0, is_sent=True, data=b"x\n" * 1000)], most=10)
    assert len(many) == 10
    assert "991 lines more" in many[6]
    [long] = transcript.lines([Piece(0.0, is_sent=True, data=b"a" * 500 + b"z" * 500)], width=40)
    assert long.startswith("> aaaa")
    assert long.endswith("zzzz")
    assert len(long) < 80


@given(st.lists(st.builds(Piece, st.just(0.0), st.booleans(), st.binary(max_size=300))))
def test_any_bytes_make_printable_lines(pieces: list[Piece]) -> None:
    """Nothing that a service sends reaches a terminal as it is."""
    assert all(line.isascii() and line.isprintable() for line in transcript.lines(pieces))


def test_a_replay_differs_by_more_than_dates_and_pieces() -> None:
    """The same bytes in other pieces, at another date, are the same answer."""
    then = exchange(Piece(0.0, is_sent=False, data=b"HTTP/1.1 200 OK\r\nDate: Sun, 1\r\n\r\nhi"))
    now = exchange(
        Piece(0.0, is_sent=False, data=b"HTTP/1.1 200 OK\r\nDa"),
        Piece(0.1, is_sent=False, data=b"te: Mon, 2\r\n\r\nhi"),
        Piece(0.1, is_sent=False, event="end"),
    )
    other = exchange(Piece(0.0, is_sent=False, data=b"HTTP/1.1 400 Bad\r\nDate: Mon, 2\r\n\r\nhi"))
    assert difference(then, now) == []
    assert any(line.startswith("+ < HTTP/1.1 400") for line in difference(then, other))


def test_what_was_cut_cannot_be_sent_again() -> None:
    """A request of which a part was not kept is no request."""
    assert not is_whole(exchange(Piece(0.0, is_sent=True, data=b"x", cut=5)))
    assert is_whole(exchange(Piece(0.0, is_sent=False, data=b"x", cut=5)))
