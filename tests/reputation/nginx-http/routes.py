"""The routes of http-server, stages 1 to 6, by SCGI: a request comes as a netstring of names and values, and its body."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote_to_bytes

KNOWN = {b"GET", b"HEAD", b"POST", b"PUT", b"DELETE"}
Fields = list[tuple[bytes, bytes]]


class Asked:
    """One request."""

    def __init__(self, stream: BinaryIO) -> None:
        size = b""
        while (digit := stream.read(1)) != b":":
            size += digit
        words = stream.read(int(size)).split(b"\0")
        stream.read(1)
        self.fields: Fields = list(zip(words[::2], words[1::2], strict=False))
        told = dict(self.fields)
        self.method, self.target = told[b"REQUEST_METHOD"], told[b"REQUEST_URI"]
        self.kind = told.get(b"CONTENT_TYPE") or b"application/octet-stream"
        self.body = stream.read(int(told.get(b"CONTENT_LENGTH") or 0))

    def joined(self) -> dict[str, str]:
        """HS-5; the names as SCGI has them, which knows no difference between - and _."""
        found: dict[str, str] = {}
        for name, value in self.fields:
            if name.startswith(b"HTTP_"):
                key, text = name[5:].decode().lower().replace("_", "-"), value.decode("latin-1")
                found[key] = f"{found[key]}, {text}" if key in found else text
        return found


def answer(asked: Asked, out: BinaryIO) -> None:
    """Find the route."""
    if asked.method not in KNOWN:
        return reply(out, 501)
    target = re.sub(rb"^[a-z]+://[^/?]*", b"", asked.target, flags=re.IGNORECASE).split(b"?")[0] or b"/"
    path = unquote_to_bytes(target)
    is_get = path in {b"/", b"/headers"} or path.startswith((b"/echo/", b"/slow/", b"/stream/"))
    if not is_get and path != b"/echo":
        return reply(out, 404)
    allowed = (b"GET", b"HEAD") if is_get else (b"POST",)
    if asked.method not in allowed:
        return reply(out, 405, more=b"Allow: " + b", ".join(allowed) + b"\r\n")
    return route(asked, path, out)


def route(asked: Asked, path: bytes, out: BinaryIO) -> None:
    """What is at a path."""
    if path == b"/":
        return reply(out, 200, b"ok\n")
    if path == b"/echo":
        return reply(out, 200, asked.body, asked.kind)
    if path == b"/headers":
        return reply(out, 200, json.dumps(asked.joined()).encode(), b"application/json")
    prefix, rest = path[1:].split(b"/", 1)
    if prefix == b"echo":
        return reply(out, 200, rest)
    number = int(rest) if re.fullmatch(rb"[0-9]{1,6}", rest) else -1
    if prefix == b"slow":
        if not 0 <= number <= 10_000:
            return reply(out, 400)
        time.sleep(number / 1000)
        return reply(out, 200, b"ok\n")
    if not 1 <= number <= 1000:
        return reply(out, 400)
    out.write(b"Status: 200\r\nContent-Type: text/plain\r\n\r\n")
    for each in range(1, number + 1 if asked.method != b"HEAD" else 1):
        out.write(b"chunk %d\n" % each)
        time.sleep(0.0105)
    return None


def reply(out: BinaryIO, status: int, body: bytes = b"", kind: bytes = b"text/plain", *, more: bytes = b"") -> None:
    """A whole answer."""
    head = b"Status: %d\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n" % (status, kind, len(body), more)
    out.write(head + body)


def one(sock: socket.socket) -> None:
    """One connection, one request."""
    try:
        with sock, sock.makefile("rb") as stream, sock.makefile("wb", buffering=0) as out:
            answer(Asked(stream), out)
    except OSError:
        pass


def serve(path: Path) -> Callable[[], None]:
    """Listen; returns what serves."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(1024)
    threading.stack_size(256 * 1024)

    def loop() -> None:
        while True:
            threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()

    return loop
