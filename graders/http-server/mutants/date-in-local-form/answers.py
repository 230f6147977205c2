"""Answers, and how they become bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate

PHRASES = {
    100: "Continue", 200: "OK", 201: "Created", 204: "No Content", 206: "Partial Content", 304: "Not Modified",
    400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
    412: "Precondition Failed", 413: "Content Too Large", 414: "URI Too Long", 416: "Range Not Satisfiable",
    431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented",
    505: "HTTP Version Not Supported",
}  # fmt: skip
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass
class Answer:
    """An answer with a whole body, or with `chunks` that come one by one."""

    status: int
    body: bytes = b""
    fields: dict[str, str] = field(default_factory=dict)
    chunks: Iterator[bytes] | None = None


def text(body: bytes, status: int = 200) -> Answer:
    """Plain text."""
    return Answer(status, body, {"Content-Type": "text/plain; charset=utf-8"})


def error(status: int, fields: dict[str, str] | None = None) -> Answer:
    """An error, told in its phrase."""
    answer = text(f"{PHRASES[status]}\n".encode(), status)
    answer.fields |= fields or {}
    return answer


def head(answer: Answer, connection: str | None, *, is_chunked: bool) -> bytes:
    """Status line and fields.

    `connection` is the value of that field, None for none.
    """
    lines = [f"HTTP/1.1 {answer.status} {PHRASES[answer.status]}", f"Date: {formatdate(localtime=True)}"]
    lines += [f"{name}: {value}" for name, value in answer.fields.items()]
    if answer.chunks is not None:
        lines += ["Transfer-Encoding: chunked"] if is_chunked else []
    elif answer.status not in {204, 304}:
        lines.append(f"Content-Length: {len(answer.body)}")
    if connection is not None:
        lines.append(f"Connection: {connection}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
