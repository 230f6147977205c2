from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labrunner.rules.text import from_bytes, is_verbatim, printable, shorten, storable


@given(st.text(st.characters(codec=None)))
def test_no_character_that_moves_a_cursor_or_hides_survives(text: str) -> None:
    """No control, no bidi or zero-width format, no surrogate, no line separator: nothing can forge a verdict."""
    shown = printable(text)
    bad = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert not [character for character in shown if unicodedata.category(character) in bad]
    assert shown.splitlines() in ([], [shown])
    shown.encode("utf-8")


@given(st.text(st.characters(categories=["L", "N", "P", "S", "M"])))
def test_plain_text_is_left_alone(text: str) -> None:
    """Letters, numbers, marks and symbols of any script; a second time changes nothing."""
    assert printable(text) == text
    assert printable(printable(text)) == text


@given(st.text())
def test_a_second_time_changes_nothing(text: str) -> None:
    """What was made printable stays as it is."""
    assert printable(printable(text)) == printable(text)


@pytest.mark.parametrize(
    "raw, shown",
    [
        ("\x1b[32mPASSED\x1b[0m", r"\x1b[32mPASSED\x1b[0m"),
        ("50%\r100%", r"50%\r100%"),
        ("a\tb\nc", r"a\tb\nc"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\u200bzero", r"\u200bzero"),
        ("\x00\x07\x7f\x9b", r"\x00\x07\x7f\x9b"),
        ("\u2028", r"\u2028"),
        ("\ud800", r"\ud800"),
        ("grün ✓ 日本", "grün ✓ 日本"),
    ],
)
def test_what_is_not_plainly_visible_is_shown_escaped(raw: str, shown: str) -> None:
    """Visible as what it is, as a programmer would write it."""
    assert printable(raw) == shown


@given(st.binary(max_size=300), st.integers(0, 300))
def test_any_bytes_become_text_that_can_be_stored(data: bytes, limit: int) -> None:
    """What is no UTF-8 is escaped, what is too long is cut and counted."""
    text = from_bytes(data, limit)
    text.encode("utf-8")
    assert ("more bytes" in text) >= (len(data) > limit)


@given(st.text(st.characters(codec=None)))
def test_any_text_can_be_made_storable(text: str) -> None:
    """JSON may bring lone surrogates; escaped they cannot break a report."""
    storable(text).encode("utf-8")
    assert storable(storable(text)) == storable(text)


@given(st.text(max_size=40), st.integers(1, 20))
def test_shortened_text_fits(text: str, width: int) -> None:
    """With an ellipsis exactly where something is missing."""
    short = shorten(text, width)
    assert len(short) <= width
    assert short == text or short.endswith("…")


@pytest.mark.parametrize(
    "data, is_kept",
    [(b"", True), ("ü{}".encode(), True), (b"\xff{}", False), (b"12345678", True), (b"123456789", False)],
)
def test_text_that_is_not_the_bytes_is_known(data: bytes, is_kept: bool) -> None:
    """What was cut, or is no UTF-8, must not be sent again as if it were what was sent."""
    assert is_verbatim(data, 8) is is_kept
