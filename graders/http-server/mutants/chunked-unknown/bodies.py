"""A request's body: how long it is (RFC 9112, 6.3), and its bytes."""

from __future__ import annotations

import re

from head import Bad, Request
from reading import Source, TooLong

MOST_BODY = 1024 * 1024
MOST_CHUNK_LINE = 4096
MOST_TRAILERS = 32 * 1024
DIGITS = re.compile(r"[0-9]+")
CHUNK = re.compile(rb"([0-9A-Fa-f]+)(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?")


def framing(request: Request) -> int | None:
    """The length of the body; None when it is chunked."""
    lengths, codings = request.all("content-length"), request.all("transfer-encoding")
    if codings:
        raise Bad(501, "unknown transfer coding")
        return None
    if not lengths:
        return 0
    if any(not DIGITS.fullmatch(length) for length in lengths) or len({*lengths}) > 1:
        raise Bad(400, "malformed Content-Length")
    length = int(lengths[0].lstrip("0")[:20] or "0")  # more digits than that are too many anyhow
    if length > MOST_BODY:
        raise Bad(413, "the body is too large")
    return length


def _refuse_codings(request: Request, lengths: list[str]) -> None:
    codings = request.members("transfer-encoding")
    if lengths or request.minor == 0 or codings.count("chunked") > 1:
        raise Bad(400, "ambiguous length")
    if codings[-1:] != ["chunked"]:
        raise Bad(400, "the last coding is not chunked")
    if len(codings) > 1:
        raise Bad(501, "unknown transfer coding")


def read_body(source: Source, length: int | None) -> bytes:
    """The body, chunked when `length` is None."""
    return source.exactly(length) if length is not None else _chunked(source)


def _chunked(source: Source) -> bytes:
    body = bytearray()
    while size := _chunk_size(source):
        if len(body) + size > MOST_BODY:
            raise Bad(413, "the body is too large")
        body += source.exactly(size)
        if source.exactly(2) != b"\r\n":
            raise Bad(400, "a chunk ends with CR LF")
    _drop_trailers(source)
    return bytes(body)


def _chunk_size(source: Source) -> int:
    found = CHUNK.fullmatch(_line(source, MOST_CHUNK_LINE))
    if found is None:
        raise Bad(400, "malformed chunk size")
    digits = found[1].lstrip(b"0") or b"0"
    return MOST_BODY + 1 if len(digits) > 15 else int(digits, 16)


def _drop_trailers(source: Source) -> None:
    left = MOST_TRAILERS
    while line := _line(source, max(left, 0)):
        left -= len(line) + 2


def _line(source: Source, limit: int) -> bytes:
    try:
        line = source.line(limit)
    except TooLong:
        raise Bad(400, "a chunk's line is too long") from None
    if not line.endswith(b"\r") or b"\r" in line[:-1]:
        raise Bad(400, "a line ends with CR LF")
    return line[:-1]
