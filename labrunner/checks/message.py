"""A strict reader of HTTP/1.1 answers (RFC 9112): what a server may not send, it does not take.

Pure: bytes in, an answer out, or the news that more is needed. It is as strict as a careful client has to be, and not
more: a status line without a phrase is forgiven, a bare line feed is not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

HEAD_LIMIT = 256 * 1024
_STATUS_LINE = re.compile(rb"(HTTP/\d\.\d) ([1-5]\d\d)(?: ([\t \x21-\x7e\x80-\xff]*))?")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(rb"[\t \x21-\x7e\x80-\xff]*")
_DIGITS = re.compile(rb"[0-9]{1,18}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[\t \x21-\x7e\x80-\xff]*)?")


class NotHTTP(Exception):
    """What came is no answer that a server may send; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Head:
    """Status line and fields.

    Attributes:
        fields: names as they came, values without the blanks around them.
        length: bytes up to the first of the body.
    """

    version: str
    status: int
    fields: tuple[tuple[str, str], ...]
    length: int

    def all(self, name: str) -> list[str]:
        """Each line's value of the field `name`."""
        return [value for key, value in self.fields if key.lower() == name.lower()]


@dataclass(frozen=True, slots=True)
class Body:
    """A whole body.

    Attributes:
        framing: ``none``, ``length``, ``chunked`` or ``close`` (it ends with the connection).
        length: bytes that it took on the wire, from the end of the head.
    """

    framing: str
    content: bytes
    length: int
    chunks: tuple[bytes, ...] = ()
    trailers: tuple[tuple[str, str], ...] = field(default=())


def read_head(data: bytes) -> Head | None:
    """The head that `data` begins with; None when it is not complete yet.

    Raises:
        NotHTTP: it is none.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0:
        _refuse_early(data)
        return None
    lines = data[:end].split(b"\r\n")
    found = _STATUS_LINE.fullmatch(lines[0])
    if found is None:
        raise NotHTTP(f"this is no status line: {_shown(lines[0])}")
    fields = tuple(_field(line) for line in lines[1:])
    return Head(found[1].decode(), int(found[2]), fields, end + 4)


def _refuse_early(data: bytes) -> None:
    """What can never become a head is not waited for."""
    if not b"HTTP/1.1 ".startswith(data[:9]):
        raise NotHTTP(f"an answer begins with HTTP/1.1, not with {_shown(data[:40])}")
    bare = re.search(rb"(?<!\r)\n", data)
    if bare:
        raise NotHTTP(f"a line ends with LF alone, not with CR LF: {_shown(data[: bare.end()][-60:])}")
    if len(data) > HEAD_LIMIT:
        raise NotHTTP(f"more than {HEAD_LIMIT >> 10} KiB of header fields")


def _field(line: bytes) -> tuple[str, str]:
    name, colon, value = line.partition(b":")
    if not colon or not _NAME.fullmatch(name):
        raise NotHTTP(f"this is no header field: {_shown(line)}")
    value = value.strip(b" \t")
    if not _VALUE.fullmatch(value):
        raise NotHTTP(f"a byte that no field value may have: {_shown(line)}")
    return name.decode(), value.decode("latin-1")


def read_body(head: Head, method: str, data: bytes, *, has_ended: bool) -> Body | None:
    """The body that follows `head` (RFC 9112, 6.3); None when it is not complete yet.

    Args:
        head: what came before it.
        method: of the request.
        data: what came after the head.
        has_ended: whether nothing more will come.

    Raises:
        NotHTTP: its framing is wrong.
    """
    lengths, codings = head.all("Content-Length"), head.all("Transfer-Encoding")
    _refuse_framing(head, lengths, codings)
    if method == "HEAD" or head.status < 200 or head.status in {204, 304}:
        return Body("none", b"", 0)
    if codings:
        return _read_chunked(data)
    if lengths:
        length = int(lengths[0])
        return Body("length", data[:length], length) if len(data) >= length else None
    return Body("close", data, len(data)) if has_ended else None


def _refuse_framing(head: Head, lengths: list[str], codings: list[str]) -> None:
    if lengths and codings:
        raise NotHTTP("both Content-Length and Transfer-Encoding: a client cannot know where the body ends")
    if any(not _DIGITS.fullmatch(length.encode("latin-1")) for length in lengths) or len(lengths) > 1:
        raise NotHTTP(f"Content-Length: {', '.join(lengths)} is no single number")
    if codings and [coding.lower() for coding in codings] != ["chunked"]:
        raise NotHTTP(f"Transfer-Encoding: {', '.join(codings)}, but the client takes chunked only")
    if (lengths or codings) and (head.status < 200 or head.status == 204):
        raise NotHTTP(f"a {head.status} has no body, and so neither Content-Length nor Transfer-Encoding")


def _read_chunked(data: bytes) -> Body | None:
    chunks: list[bytes] = []
    at = 0
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            if len(data) - at > 1024 or b"\n" in data[at:]:
                raise NotHTTP(f"this is no chunk size: {_shown(data[at : at + 40])}")
            return None
        found = _CHUNK.fullmatch(data[at:end])
        if found is None:
            raise NotHTTP(f"this is no chunk size: {_shown(data[at:end])}")
        size, at = int(found[1], 16), end + 2
        if size == 0:
            return _read_trailers(data, at, tuple(chunks))
        if len(data) < at + size + 2:
            return None
        if data[at + size : at + size + 2] != b"\r\n":
            raise NotHTTP(f"a chunk of {size} bytes is not followed by CR LF but by {_shown(data[at + size :][:20])}")
        chunks.append(data[at : at + size])
        at += size + 2


def _read_trailers(data: bytes, at: int, chunks: tuple[bytes, ...]) -> Body | None:
    trailers: list[tuple[str, str]] = []
    while (end := data.find(b"\r\n", at)) >= 0:
        line, at = data[at:end], end + 2
        if not line:
            return Body("chunked", b"".join(chunks), at, chunks, tuple(trailers))
        trailers.append(_field(line))
    return None


def _shown(data: bytes) -> str:
    return repr(data[:80])[1:]
