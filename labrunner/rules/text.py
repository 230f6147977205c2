"""Text that came from a learner's service, made safe to print: nothing in it can move a cursor or forge a verdict."""

from __future__ import annotations

import unicodedata

_VISIBLE = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\x1b": "\\x1b"}
_DANGEROUS = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Controls, formats (also bidirectional overrides and zero-width characters), surrogates, unassigned, separators."""


def printable(text: str) -> str:
    """`text` on one line, with every character that is not plainly visible escaped."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(character) for character in text)


def _escape(character: str) -> str:
    if character in _VISIBLE:
        return _VISIBLE[character]
    if unicodedata.category(character) in _DANGEROUS:
        return character.encode("unicode_escape", "backslashreplace").decode("ascii")
    return character


def storable(text: str) -> str:
    """`text` with lone surrogates escaped, which JSON can bring and UTF-8 cannot store."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def from_bytes(data: bytes, limit: int) -> str:
    """`data` as text, cut to `limit` bytes; what is no UTF-8 is escaped."""
    text = data[:limit].decode("utf-8", "backslashreplace")
    return text if len(data) <= limit else f"{text} [... {len(data) - limit:,} more bytes]"


def is_verbatim(data: bytes, limit: int) -> bool:
    """Whether `from_bytes` loses nothing of `data`."""
    return from_bytes(data, limit).encode() == data


def shorten(text: str, width: int) -> str:
    """`text` cut to `width` characters, with an ellipsis where something is missing."""
    return text if len(text) <= width else f"{text[: width - 1]}…"
