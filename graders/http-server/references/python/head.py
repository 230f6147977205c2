"""A request's head: the request line and the fields, and what is wrong with them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from reading import Source, TooLong

MOST_TARGET = 8192
MOST_FIELDS = 32 * 1024
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
TARGET = re.compile(rb"[\x21-\x7e]+")
VERSION = re.compile(rb"HTTP/([0-9])\.([0-9])")
VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")


class Bad(Exception):
    """A request that cannot be served, and after which nothing on the connection can be trusted."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


@dataclass
class Request:
    """One request. `fields` are in the order of their arrival, names in lower case."""

    method: str
    target: str
    minor: int
    fields: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def all(self, name: str) -> list[str]:
        """Each line's value of a field."""
        return [value for key, value in self.fields if key == name]

    def get(self, name: str) -> str | None:
        """A field's value, repeated lines joined; None when it is absent."""
        found = self.all(name)
        return ", ".join(found) if found else None

    def members(self, name: str) -> list[str]:
        """The members of a list, in lower case."""
        return [part.lower() for each in (self.get(name) or "").split(",") if (part := each.strip(" \t"))]

    @property
    def stays_open(self) -> bool:
        """Whether the client wants the connection to stay open."""
        options = self.members("connection")
        if "close" in options:
            return False
        return self.minor >= 1 or "keep-alive" in options


def read_head(source: Source) -> Request:
    """The next head, without its body."""
    request = _request_line(source)
    left = MOST_FIELDS
    while line := _field_line(source, left):
        left -= len(line) + 2
        request.fields.append(_field(line))
    hosts = request.all("host")
    if len(hosts) > 1 or (request.minor >= 1 and not hosts):
        raise Bad(400, "one Host, please")
    return request


def _request_line(source: Source) -> Request:
    line = _ended(_start_line(source))
    if not line:
        line = _ended(_start_line(source))  # one empty line before a request is forgiven
    parts = line.split(b" ")
    if len(parts) != 3 or not TOKEN.fullmatch(parts[0]) or not TARGET.fullmatch(parts[1]):
        raise Bad(400, "malformed request line")
    version = VERSION.fullmatch(parts[2])
    if version is None:
        raise Bad(400, "malformed version")
    if version[1] != b"1":
        raise Bad(505, "HTTP/1 only")
    if len(parts[1]) > MOST_TARGET:
        raise Bad(414, "the target is too long")
    return Request(parts[0].decode(), parts[1].decode(), int(version[2]))


def _start_line(source: Source) -> bytes:
    try:
        return source.line(MOST_TARGET + 200)
    except TooLong:
        raise Bad(414, "the target is too long") from None


def _field_line(source: Source, left: int) -> bytes:
    try:
        return _ended(source.line(max(left, 0)))
    except TooLong:
        raise Bad(431, "too many fields") from None


def _ended(line: bytes) -> bytes:
    """The line without its CR; a CR anywhere else, or none at the end, is refused."""
    if not line.endswith(b"\r") or b"\r" in line[:-1]:
        raise Bad(400, "a line ends with CR LF")
    return line[:-1]


def _field(line: bytes) -> tuple[str, str]:
    name, colon, value = line.partition(b":")
    if not colon or not TOKEN.fullmatch(name):
        raise Bad(400, "malformed field")
    if not VALUE.fullmatch(value):
        raise Bad(400, "malformed field value")
    return name.decode().lower(), value.strip(b" \t").decode("latin-1")
