"""HTTP plumbing: done, so that you can think about the cache. You need not change anything here.

`serve(answer)` listens on $HOST:$PORT and calls `answer` with each request, each connection in a thread of its own.
SIGTERM lets requests in flight finish, then ends the program with 0. `ask` sends a request to another server and reads
the whole answer.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Fields = list[tuple[str, str]]
WITHOUT_BODY = {204, 304}


def values(fields: Fields, name: str) -> list[str]:
    """Every line of a header field, in any case; an empty list when there is none."""
    return [value for each, value in fields if each.lower() == name.lower()]


@dataclass(frozen=True)
class Request:
    """One request. `target` is path and query, byte for byte; `fields` are all lines in their order."""

    method: str
    target: str
    fields: Fields
    body: bytes = b""


@dataclass(frozen=True)
class Response:
    """An answer. Its `Content-Length` is written by whoever sends it, but for answers to HEAD."""

    status: int
    fields: Fields = field(default_factory=list)
    body: bytes = b""
    reason: str = ""


def as_json(status: int, content: object) -> Response:
    """An answer of your own; an error as a problem document (RFC 9457)."""
    kind = "application/problem+json" if status >= 400 else "application/json"
    return Response(status, [("Content-Type", kind)], json.dumps(content).encode())


def problem(status: int, title: str) -> Response:
    """An error of your own."""
    return as_json(status, {"title": title, "status": status})


# --- asking another server ---------------------------------------------------------------------------------------------


class NoAnswer(Exception):
    """Nobody listens, the connection was closed, or what came is no HTTP."""


class TooLate(Exception):
    """No complete field section in time, or no connection."""


class CutShort(Exception):
    """The body ended early, or stalled."""


def ask(address: tuple[str, int], request: Request, timeout: float) -> Response:
    """Send a request as it is, with its `Content-Length`, over a connection of its own, and read the whole answer.

    Raises `NoAnswer`, `TooLate` or `CutShort`.
    """
    until = time.monotonic() + timeout
    try:
        connection = socket.create_connection(address, timeout=timeout)
    except TimeoutError:
        raise TooLate from None
    except OSError:
        raise NoAnswer from None
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            connection.sendall(_as_bytes(request))
        except TimeoutError:
            raise TooLate from None
        except OSError:
            pass  # it may have answered before it had read everything
        head, rest = _read_head(connection, until)
        try:
            return _read_answer(connection, head, rest, request.method, timeout)
        except (ValueError, IndexError):
            raise NoAnswer from None


def _as_bytes(request: Request) -> bytes:
    lines = [f"{request.method} {request.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in request.fields]
    if request.body or values(request.fields, "content-type") or request.method in {"POST", "PUT", "PATCH"}:
        lines.append(f"Content-Length: {len(request.body)}")
    lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + request.body


def _read_head(connection: socket.socket, until: float) -> tuple[bytes, bytes]:
    """Until the field section is complete: one deadline, however many pieces it comes in."""
    data = b""
    while True:
        head, end, rest = data.partition(b"\r\n\r\n")
        if end and head.startswith(b"HTTP/1.1 1"):  # an interim answer
            data = rest
            continue
        if end:
            return head, rest
        left = until - time.monotonic()
        if left <= 0:
            raise TooLate
        connection.settimeout(left)
        try:
            more = connection.recv(65536)
        except TimeoutError:
            raise TooLate from None
        except OSError:
            raise NoAnswer from None
        if not more or len(data) > 1 << 20:
            raise NoAnswer
        data += more


def _read_answer(connection: socket.socket, head: bytes, rest: bytes, method: str, timeout: float) -> Response:
    """The status line and fields, and the body by its framing."""
    first, *lines = head.decode("latin-1").split("\r\n")
    version, code, *reason = first.split(" ", 2)
    if not version.startswith("HTTP/1.") or not 200 <= int(code) <= 599:
        raise ValueError(first)
    pairs = [line.partition(":") for line in lines]
    fields = [(name, value.strip(" \t")) for name, _, value in pairs]
    status = int(code)
    phrase = reason[0] if reason else ""
    if method == "HEAD" or status in WITHOUT_BODY:
        return Response(status, fields, b"", phrase)
    connection.settimeout(timeout)
    stream = _Joined(rest, connection)
    try:
        return Response(status, fields, _read_body(stream, fields), phrase)
    except OSError:
        raise CutShort from None


class _Joined:
    """What was read already, then what comes."""

    def __init__(self, rest: bytes, connection: socket.socket) -> None:
        self.data = bytearray(rest)
        self.connection = connection

    def more(self) -> bool:
        """Whether something came."""
        piece = self.connection.recv(65536)
        self.data += piece
        return bool(piece)

    def take(self, size: int) -> bytes:
        """So many bytes."""
        while len(self.data) < size:
            if not self.more():
                raise CutShort
        taken = bytes(self.data[:size])
        del self.data[:size]
        return taken

    def line(self) -> bytes:
        """A line, without its end."""
        while b"\r\n" not in self.data:
            if not self.more():
                raise CutShort
        return self.take(self.data.index(b"\r\n") + 2)[:-2]


def _read_body(stream: _Joined, fields: Fields) -> bytes:
    if any("chunked" in value.lower() for value in values(fields, "transfer-encoding")):
        parts = []
        while size := int(stream.line().split(b";")[0], 16):
            parts.append(stream.take(size))
            stream.take(2)
        while stream.line():
            pass
        return b"".join(parts)
    if length := values(fields, "content-length"):
        return stream.take(int(length[0]))
    while stream.more():
        pass
    return bytes(stream.data)


# --- being asked ---------------------------------------------------------------------------------------------------------


class Server(ThreadingHTTPServer):
    """Knows its connections, so that idle ones can be closed when it stops."""

    request_queue_size = 1024
    daemon_threads = False
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], answer: Callable[[Request], Response]) -> None:
        self.find = answer
        self.is_stopping = False
        self.connections: set[socket.socket] = set()
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        """Bind without asking a name server for our own name."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def stop(self) -> None:
        """Accept no more, and read no further request on any connection."""
        self.is_stopping = True
        self.shutdown()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):  # it may have been closed just now
                connection.shutdown(socket.SHUT_RD)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one write per answer
    server: Server

    def setup(self) -> None:
        """Remember the connection."""
        super().setup()
        self.server.connections.add(self.connection)
        if self.server.is_stopping:  # too late to be told by stop()
            self.connection.shutdown(socket.SHUT_RD)

    def finish(self) -> None:
        """Forget the connection."""
        self.server.connections.discard(self.connection)
        with contextlib.suppress(OSError):  # the client may have gone
            super().finish()

    def __getattr__(self, name: str) -> Any:
        """Every method is answered by `one`."""
        if name.startswith("do_"):
            return self.one
        raise AttributeError(name)

    def one(self) -> None:
        """Answer one request."""
        fields = [(name, str(value).strip(" \t")) for name, value in self.headers.items()]
        # `self.path` would be changed where it begins with two slashes.
        request = Request(self.command, self.requestline.split(" ")[1], fields, self.read_body())
        try:
            response = self.server.find(request)
        except NotImplementedError as missing:
            response = problem(501, f"not implemented yet: {missing}")
        except Exception:
            traceback.print_exc()
            response = problem(500, "internal error")
        self.send(response)

    def read_body(self) -> bytes:
        """The body, of either framing."""
        if "chunked" not in (self.headers.get("Transfer-Encoding") or "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(1024).split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline(2)
        while self.rfile.readline(65536).strip():
            pass
        return b"".join(parts)

    def send(self, response: Response) -> None:
        """Send it in one piece."""
        reason = response.reason or http.client.responses.get(response.status, "")
        lines = [f"HTTP/1.1 {response.status} {reason}"]
        is_bare = self.command == "HEAD" or response.status in WITHOUT_BODY
        lines += [f"{name}: {value}" for name, value in response.fields if is_bare or name.lower() != "content-length"]
        if not is_bare:
            lines.append(f"Content-Length: {len(response.body)}")
        if self.server.is_stopping:
            lines.append("Connection: close")
            self.close_connection = True
        self.wfile.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (b"" if is_bare else response.body))
        self.wfile.flush()

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: a cache is asked often."""


def serve(answer: Callable[[Request], Response]) -> None:
    """Serve until SIGTERM."""
    address = (os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000")))
    server = Server(address, answer)
    try:
        server.serve_forever(poll_interval=0.05)
    except KeyboardInterrupt:
        server.is_stopping = True
    server.server_close()  # waits for the requests in flight
