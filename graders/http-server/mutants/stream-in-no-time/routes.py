"""Which request is answered by what."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from urllib.parse import unquote_to_bytes

import conditions
from answers import Answer, error, text
from files import Store
from head import Request

KNOWN = ("GET", "HEAD", "POST", "PUT", "DELETE")
NUMBER = re.compile(rb"[0-9]{1,9}")
LONGEST_SLEEP = 10_000
MOST_CHUNKS = 1000
BETWEEN_CHUNKS = 0.0102
ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")

Handler = Callable[[Request, bytes], Answer]


class Routes:
    """All paths of the server."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def answer(self, request: Request) -> Answer:
        """The answer to `request`."""
        if request.method not in KNOWN:
            return error(501)
        path = decoded_path(request.target)
        if path is None:
            return error(400)
        handlers, rest = self.find(path)
        if not handlers:
            return error(404)
        handler = handlers.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            allowed = [*handlers, *(["HEAD"] if "GET" in handlers else [])]
            return error(405, {"Allow": ", ".join(allowed)})
        return handler(request, rest)

    def find(self, path: bytes) -> tuple[dict[str, Handler], bytes]:
        """Handlers by method, and the part of the path that is a parameter."""
        if path == b"/":
            return {"GET": ok}, b""
        if path == b"/headers":
            return {"GET": headers}, b""
        if path == b"/echo":
            return {"POST": echo_body}, b""
        for prefix, handlers in self.prefixes().items():
            if path.startswith(prefix):
                return handlers, path[len(prefix) :]
        return {}, b""

    def prefixes(self) -> dict[bytes, dict[str, Handler]]:
        """Paths with a parameter at the end."""
        return {
            b"/echo/": {"GET": echo_text},
            b"/slow/": {"GET": slow},
            b"/stream/": {"GET": stream},
            b"/files/": {"GET": self.get_file, "PUT": self.put_file, "DELETE": self.delete_file},
        }

    def get_file(self, request: Request, name: bytes) -> Answer:
        """The file as it is now."""
        found = self.store.read(name) if is_name(name) else None
        return error(404) if found is None else conditions.serve(request, found)

    def put_file(self, request: Request, name: bytes) -> Answer:
        """Create or replace it."""
        if not is_name(name):
            return error(400)
        outcome = self.store.write(name, request.body, lambda old: conditions.allows(request, old))
        return error(412) if outcome is None else Answer(201 if outcome else 204)

    def delete_file(self, request: Request, name: bytes) -> Answer:
        """Remove it."""
        return Answer(204) if is_name(name) and self.store.delete(name) else error(404)


def decoded_path(target: str) -> bytes | None:
    """The path of the target, percent-decoded once; None when it has none or a broken escape."""
    if absolute := ABSOLUTE.match(target):
        target = target[absolute.end() :]
        target = target if target.startswith("/") else f"/{target}"
    path = target.partition("?")[0]
    if not path.startswith("/") or re.search(r"%(?![0-9A-Fa-f]{2})", path):
        return None
    return unquote_to_bytes(path)


def is_name(name: bytes) -> bool:
    """Whether a file may be called so."""
    if not 1 <= len(name) <= 200 or name in {b".", b".."} or set(b"/\\\0") & set(name):
        return False
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def number(data: bytes, least: int, most: int) -> int | None:
    """A whole number in these bounds, else None."""
    value = int(data) if NUMBER.fullmatch(data) else -1
    return value if least <= value <= most else None


def ok(request: Request, rest: bytes) -> Answer:
    """`GET /`."""
    return text(b"ok\n")


def headers(request: Request, rest: bytes) -> Answer:
    """`GET /headers`: the request's own fields."""
    joined: dict[str, str] = {}
    for name, value in request.fields:
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return Answer(200, json.dumps(joined).encode(), {"Content-Type": "application/json"})


def echo_text(request: Request, rest: bytes) -> Answer:
    """`GET /echo/{text}`."""
    return text(rest)


def echo_body(request: Request, rest: bytes) -> Answer:
    """`POST /echo`."""
    return Answer(200, request.body, {"Content-Type": request.get("content-type") or "application/octet-stream"})


def slow(request: Request, rest: bytes) -> Answer:
    """`GET /slow/{ms}`."""
    milliseconds = number(rest, 0, LONGEST_SLEEP)
    if milliseconds is None:
        return error(400)
    time.sleep(milliseconds / 1000)
    return text(b"ok\n")


def stream(request: Request, rest: bytes) -> Answer:
    """`GET /stream/{n}`."""
    count = number(rest, 1, MOST_CHUNKS)
    if count is None:
        return error(400)
    return Answer(200, fields={"Content-Type": "text/plain"}, chunks=chunks(count))


def chunks(count: int) -> Iterator[bytes]:
    """One by one, with a pause between two."""
    for index in range(1, count + 1):
        yield b"chunk %d\n" % index
