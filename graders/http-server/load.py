"""The load: one request at a time on many connections, of which some are asked to close; files that several write at once.

Sent to the load generator's own process, which has Locust and the standard library only.
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Iterator, Mapping

from labrunner.loadtest.user import RawUser, Request

LIVE = 6
"""Files in use at one time."""
EARLIER = 4
"""Files of earlier groups that are read again after each group."""
ROUNDS = 60
"""Requests of a group; a third of them is about its files."""
CLOSING = 25
"""One request in so many asks for the end of its connection, so that new ones are opened all the time."""
REPEATS = 60
"""A file is its version's eight digits, that many times: below 1 KiB, so that no gzip is asked for."""
BROWSER = (
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    "Accept-Language: en-GB,en;q=0.7,nl;q=0.3\r\n"
    "Cache-Control: no-cache\r\n"
    "Cookie: session=8f14e45fceea167a5a36dedd4bea2543; theme=dark; seen=1,5,8,13,21,34,55,89,144,233,377\r\n"
    "Referer: http://lab/from/a/page/that/links/here?with=a&query=too\r\n"
)
"""Fields of the size that browsers send."""


class Caller(RawUser):
    """One connection after another."""

    answers = frozenset({200, 201, 204, 404})

    @classmethod
    def plan(cls, environment: Mapping[str, str], rng: random.Random, agent: str) -> Iterator[Request]:
        """Files come in groups; each is written before it is read, but by whom and when is not waited for."""
        past: list[str] = []
        version = 0
        while True:
            names = ["".join(rng.choices(string.ascii_lowercase + string.digits, k=12)) for _ in range(LIVE)]
            for number in range(ROUNDS):
                if number % 3:
                    yield _plain(rng, agent)
                elif number < 3 * LIVE or rng.random() < 0.3:
                    version += 1
                    yield _write(names[number // 3 % LIVE], version, agent)
                else:
                    yield _read(rng.choice(names), agent, rng)
            # Some are read again when many others have been written: a file that is there stays there.
            for name in rng.sample(past, min(len(past), EARLIER)):
                yield _read(name, agent, rng)
            past += names

    @classmethod
    def read(cls, request: Request, status: int, body: bytes) -> int | None:
        """The version of a file that was read; 0 of everything else that is right."""
        kind = request.key.split(" ")[0]
        if kind == "file":
            return _version(request, status, body)
        return 0 if status == 200 and _is_right(kind, request.tag, body) else None


def _plain(rng: random.Random, agent: str) -> Request:
    """A request whose answer depends on nothing but itself."""
    number = rng.randrange(10**9)
    kind = rng.choice(("ok", "echo", "headers", "post", "chunks"))
    if kind == "ok":
        return Request(kind, number, _request("GET", "/", agent, rng))
    if kind == "echo":
        return Request(kind, number, _request("GET", f"/echo/{number}%20{number}", agent, rng))
    if kind == "headers":
        return Request(kind, number, _request("GET", "/headers", agent, rng, f"X-Number: {number}\r\n"))
    body = _posted(number)
    if kind == "post":
        return Request(kind, number, _request("POST", "/echo", agent, rng, f"Content-Length: {len(body)}\r\n", body))
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (body[:100], body[100:]))
    fields = "Transfer-Encoding: chunked\r\n"
    return Request(kind, number, _request("POST", "/echo", agent, rng, fields, chunks + b"0\r\n\r\n"))


def _write(name: str, version: int, agent: str) -> Request:
    body = b"%08d" % version * REPEATS
    fields = f"Content-Length: {len(body)}\r\n"
    return Request(f"file {name}", version, _request("PUT", f"/files/{name}", agent, None, fields, body))


def _read(name: str, agent: str, rng: random.Random) -> Request:
    return Request(f"file {name}", 0, _request("GET", f"/files/{name}", agent, rng))


def _request(
    method: str, target: str, agent: str, rng: random.Random | None, fields: str = "", body: bytes = b""
) -> bytes:
    end = "Connection: close\r\n" if rng is not None and not rng.randrange(CLOSING) else ""
    head = f"{method} {target} HTTP/1.1\r\nHost: lab\r\nUser-Agent: {agent}\r\n{BROWSER}{fields}{end}\r\n"
    return head.encode("latin-1") + body


def _posted(number: int) -> bytes:
    return b"%09d\r\n" % number * 40


def _is_right(kind: str, number: int, body: bytes) -> bool:
    if kind == "ok":
        return body == b"ok\n"
    if kind == "echo":
        return body == b"%d %d" % (number, number)
    if kind == "headers":
        try:
            told = json.loads(body)
        except ValueError:
            return False
        return isinstance(told, dict) and told.get("x-number") == str(number)
    return body == _posted(number)


def _version(request: Request, status: int, body: bytes) -> int | None:
    if request.tag:
        return 0 if status in {201, 204} else None
    if status == 404:
        return 0
    digits = body[:8]
    is_whole = status == 200 and digits.isdigit() and body == digits * REPEATS
    return int(digits) if is_whole else None
