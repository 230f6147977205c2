"""HTTP and JSON plumbing: done, so that you can think about the limiter. You need not change anything here.

`serve(route)` listens on $HOST:$PORT and calls `route` with each request, each connection in a thread of its own.
SIGTERM lets requests in flight finish, then ends the program with 0.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from http.client import responses
from socketserver import StreamRequestHandler, ThreadingTCPServer
from urllib.parse import parse_qs, unquote, urlsplit

LONGEST_LINE = 65536
MOST_FIELDS = 100


@dataclass(frozen=True)
class Request:
    """One request. `query` keeps every value of a parameter, empty ones too; `header` is None when absent."""

    method: str
    path: str
    query: dict[str, list[str]]
    header: Callable[[str], str | None]


@dataclass(frozen=True)
class Response:
    """An answer with a JSON body."""

    status: int
    content: object
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


def problem(status: int, title: str, headers: dict[str, str] | None = None, **members: object) -> Response:
    """An error as a problem document (RFC 9457), with further members if you like."""
    content = {"title": title, "status": status, **members}
    return Response(status, content, headers or {}, "application/problem+json")


class Server(ThreadingTCPServer):
    """Knows its connections, so that idle ones can be closed when it stops."""

    request_queue_size = 1024
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], route: Callable[[Request], Response]) -> None:
        self.route = route
        self.is_stopping = False
        self.connections: set[socket.socket] = set()
        super().__init__(address, Connection)

    def stop(self) -> None:
        """Accept no more, and read no further request on any connection."""
        self.is_stopping = True
        self.shutdown()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):  # it may have been closed just now
                connection.shutdown(socket.SHUT_RD)


class Connection(StreamRequestHandler):
    """Its requests, one after another. (http.server would read their fields as those of a mail, at half the speed.)"""

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

    def handle(self) -> None:
        """Answer until one of the two sides has had enough."""
        with contextlib.suppress(OSError):  # the client may have gone
            while line := self.rfile.readline(LONGEST_LINE):
                if line != b"\r\n" and not self.handle_one(line):
                    break

    def handle_one(self, line: bytes) -> bool:
        """Answer one request; returns whether another may follow."""
        words = line.decode("latin-1").split()
        fields = self.fields()
        if len(words) != 3 or not words[2].startswith("HTTP/1.") or fields is None:
            self.answer("GET", problem(400, "not a request"), is_last=True)
            return False
        method, target, version = words
        self.rfile.read(int(fields.get("content-length", 0)))  # or it would be taken for the next request
        url = urlsplit(target)
        query = parse_qs(url.query, keep_blank_values=True)
        request = Request(method, unquote(url.path), query, lambda name: fields.get(name.lower()))
        try:
            response = self.server.route(request)
        except NotImplementedError as missing:
            response = problem(501, f"not implemented yet: {missing}")
        except Exception:
            traceback.print_exc()
            response = problem(500, "internal error")
        is_last = fields.get("connection", "").lower() == "close" or version == "HTTP/1.0" or self.server.is_stopping
        self.answer(method, response, is_last)
        if target != "/healthz":
            sys.stderr.write(f"{method} {target} {response.status}\n")  # in one piece: other threads write too
        return not is_last

    def fields(self) -> dict[str, str] | None:
        """The header section, names in lower case, values without the blanks around them (RFC 9110, 5.5); None: it is none."""
        found: dict[str, str] = {}
        while (line := self.rfile.readline(LONGEST_LINE)) not in {b"\r\n", b"\n"}:
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon or len(found) == MOST_FIELDS:
                return None
            found.setdefault(name.lower(), value.strip(" \t\r\n"))
        return found

    def answer(self, method: str, response: Response, is_last: bool) -> None:
        """Send it in one piece."""
        body = json.dumps(response.content).encode()
        fields = {
            "Date": formatdate(usegmt=True),
            "Content-Type": response.content_type,
            "Content-Length": str(len(body)),
            **response.headers,
        }
        if is_last:
            fields["Connection"] = "close"
        lines = (f"HTTP/1.1 {response.status} {responses.get(response.status, '')}", *map(": ".join, fields.items()))
        head = "\r\n".join(lines) + "\r\n\r\n"
        self.wfile.write(head.encode("latin-1") + (b"" if method == "HEAD" else body))
        self.wfile.flush()


def serve(route: Callable[[Request], Response]) -> None:
    """Serve until SIGTERM."""
    address = (os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000")))
    server = Server(address, route)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.stop).start())
    try:
        server.serve_forever(poll_interval=0.05)
    except KeyboardInterrupt:
        server.is_stopping = True
    server.server_close()  # waits for the requests in flight
