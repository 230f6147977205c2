"""The words of this lab's checks: a server, one request, several on one connection, what must be in an answer."""

from __future__ import annotations

import itertools
import json
import random
import re
import string
from collections.abc import Sequence
from typing import Any

from labrunner.checks import Connection, Reply, Service, fail, raw_request

CLOSE = "Connection: close"
STRONG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')
SERVED = "A request that the rules allow is served."


class Server:
    """A service under test."""

    def __init__(self, service: Service, rng: random.Random) -> None:
        self.service = service
        self.rng = rng

    def connect(self) -> Connection:
        """A new connection."""
        return self.service.connect()

    def ask(
        self,
        target: str = "/",
        *fields: str,
        method: str = "GET",
        body: bytes | None = None,
        version: str = "HTTP/1.1",
    ) -> Reply:
        """One request on a connection of its own, which it asks to be closed."""
        with self.connect() as connection:
            connection.send(raw_request(target, *fields, CLOSE, method=method, body=body, version=version))
            return connection.read(method)

    def put(self, name: str, body: bytes, *fields: str) -> Reply:
        """``PUT /files/{name}``, which must succeed."""
        reply = self.ask(f"/files/{name}", *fields, method="PUT", body=body)
        return reply.expect(201, 204, why="A PUT creates a file or replaces it.")

    def file(self, name: str, *fields: str, method: str = "GET") -> Reply:
        """``GET /files/{name}``, whatever comes."""
        return self.ask(f"/files/{name}", *fields, method=method)

    def word(self, length: int = 10) -> str:
        """Letters and digits that nobody has used before."""
        return "".join(self.rng.choices(string.ascii_lowercase + string.digits, k=length))

    def data(self, length: int) -> bytes:
        """Any bytes."""
        return self.rng.randbytes(length)


def expect_body(reply: Reply, body: bytes, why: str) -> Reply:
    """200 with exactly these bytes."""
    reply.expect(200, why=why)
    if reply.content != body:
        fail(reply, expected=shown(body), got=shown(reply.content), why=why)
    return reply


def expect_echo(reply: Reply, text: str, why: str) -> Reply:
    """The answer to ``GET /echo/{text}`` with this plain text."""
    return expect_body(reply, text.encode("latin-1"), why)


def shown(body: bytes) -> str:
    """A body in a failure: its length, and its bytes when they are few."""
    return f"the body {body!r}" if len(body) <= 60 else f"a body of {len(body):,} bytes: {body[:24]!r}...{body[-16:]!r}"


def field(reply: Reply, name: str, why: str) -> str:
    """A field that must be there."""
    value = reply.get(name)
    if value is None:
        fail(reply, expected=f"a header field {name}", got="none", why=why)
    return value


def expect_field(reply: Reply, name: str, value: str, why: str) -> None:
    """A field with exactly this value."""
    got = field(reply, name, why)
    if got != value:
        fail(reply, expected=f"{name}: {value}", got=f"{name}: {got}", why=why)


def tag_of(reply: Reply) -> str:
    """The strong entity tag of an answer."""
    why = "Caches and editors tell states of a file apart by their strong ETag."
    tag = field(reply, "ETag", why)
    if not STRONG.fullmatch(tag):
        fail(reply, expected='a strong ETag such as "abc"', got=f"ETag: {tag}", why=why)
    return tag


def expect_allow(reply: Reply, path: str, methods: set[str]) -> None:
    """405 with these methods in ``Allow``."""
    why = f"A client learns from Allow what {path} takes."
    reply.expect(405, why=why)
    if {part.strip() for part in field(reply, "Allow", why).split(",")} != methods:
        fail(reply, expected=f"Allow: {', '.join(sorted(methods))}", got=f"Allow: {reply.get('Allow')}", why=why)


def media_type(reply: Reply) -> str:
    """``Content-Type`` without its parameters, in lower case; empty when there is none."""
    return (reply.get("Content-Type") or "").split(";")[0].strip().lower()


def expect_type(reply: Reply, kind: str, why: str) -> None:
    """A ``Content-Type``, whatever its parameters."""
    if media_type(reply) != kind:
        got = reply.get("Content-Type")
        fail(reply, expected=f"Content-Type: {kind}", got=f"Content-Type: {got}" if got else "none", why=why)


def json_object(reply: Reply, why: str) -> dict[str, Any]:
    """The body as a JSON object."""
    expect_type(reply, "application/json", why)
    try:
        value = json.loads(reply.content.decode("utf-8"))
    except (ValueError, RecursionError) as fault:
        fail(reply, expected="a body that is JSON in UTF-8", got=f"{shown(reply.content)} ({fault})", why=why)
    if not isinstance(value, dict):
        fail(reply, expected="a JSON object", got=shown(reply.content), why=why)
    return value


def expect_not_poisoned(connection: Connection, method: str, poison: str, real: str) -> Reply | None:
    """After the first answer, which is returned, comes the one to the real second request, or the end."""
    why = "A body is read or the connection closed; taken for a request it is request smuggling."
    # A server that closes with the body unread may lose its answer by a reset: the end alone is right, too.
    reply = connection.read_or_end(method)
    if reply is None:
        return None
    if poison.encode() in reply.content:
        fail(reply, expected=f"the answer to {method} /", got=shown(reply.content), why=why)
    second = connection.read_or_end()
    if second is not None and second.content != real.encode():
        fail(second, expected=f"the answer to GET /echo/{real}, or the end", got=shown(second.content), why=why)
    return reply


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    """`data` in pieces, cut at these places."""
    edges = [0, *sorted({place for place in places if 0 < place < len(data)}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]
