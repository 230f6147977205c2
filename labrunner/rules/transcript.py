"""The bytes of a connection as lines for human eyes: escaped, cut in the middle, with the pauses that matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from labrunner.model.outcome import Piece

LINES = 24
WIDTH = 110
PAUSE_SECONDS = 0.2
_NAMED = {0x0D: "\\r", 0x0A: "\\n", 0x09: "\\t", 0x5C: "\\\\"}
_EVENTS = {"end": "(no more bytes)", "reset": "(reset)"}


def lines(pieces: Iterable[Piece], most: int = LINES, width: int = WIDTH) -> list[str]:
    """``> `` before what was sent, ``< `` before what came; printable ASCII only.

    Args:
        pieces: of one connection, in order.
        most: lines; beyond that the middle is left out.
        width: characters of a line; beyond that its middle is left out.
    """
    told = list(_told(pieces, width))
    if len(told) <= most:
        return told
    head = most * 2 // 3
    tail = most - head - 1
    return [*told[:head], f"  ... {len(told) - head - tail} lines more ...", *told[len(told) - tail :]]


def _told(pieces: Iterable[Piece], width: int) -> Iterator[str]:
    before: float | None = None
    for piece in pieces:
        if before is not None and piece.at - before >= PAUSE_SECONDS:
            yield f"  ({piece.at - before:.2f} s later)"
        before = piece.at
        mark = ">" if piece.is_sent else "<"
        if piece.event:
            yield f"{mark} {_EVENTS.get(piece.event, piece.event)}"
        for line in piece.data.splitlines(keepends=True) if not piece.cut else [piece.data]:
            yield f"{mark} {_cut(escaped(line), width, piece.cut)}"


def escaped(data: bytes) -> str:
    """Printable ASCII as it is; the rest as in a C string."""
    return "".join(
        _NAMED.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}") for byte in data[: 64 * 1024]
    )


def _cut(text: str, width: int, missing: int) -> str:
    if len(text) <= width and not missing:
        return text
    half = width // 2
    return f"{text[:half]} [... {max(len(text) - width, 0) + missing} more ...] {text[len(text) - half :]}"
