"""HTTP and JSON plumbing: done, so that you can think about the payments. You need not change anything here.

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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True)
class Request:
    """One request.

    `query` keeps every value of a parameter, empty ones too; `fields(name)` is every line of a header field, without
    the blanks around its value: an empty list when there is none.
    """

    method: str
    path: str
    query: dict[str, list[str]]
    fields: Callable[[str], list[str]]
    body: bytes


@dataclass(frozen=True)
class Response:
    """An answer. `content` is sent as JSON; when it is bytes, as it is."""

    status: int
    content: object
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


def problem(status: int, title: str, headers: dict[str, str] | None = None, **members: object) -> Response:
    """An error as a problem document (RFC 9457), with further members if you like."""
    content = {"title": title, "status": status, **members}
    return Response(status, content, headers or {}, "application/problem+json")


class Server(ThreadingHTTPServer):
    """Knows its connections, so that idle ones can be closed when it stops."""

    request_queue_size = 1024
    daemon_threads = False
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], route: Callable[[Request], Response]) -> None:
        self.route = route
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

    def do_GET(self) -> None:
        """Answer one request."""
        target = urlsplit(self.path)
        query = parse_qs(target.query, keep_blank_values=True)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request(self.command, unquote(target.path), query, self.fields, body)
        try:
            response = self.server.route(request)
        except NotImplementedError as missing:
            response = problem(501, f"not implemented yet: {missing}")
        except Exception:
            traceback.print_exc()
            response = problem(500, "internal error")
        self.answer(response)

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET

    def fields(self, name: str) -> list[str]:
        """A field's lines without the blanks around them, which are none of them (RFC 9110, 5.5)."""
        return [value.strip(" \t") for value in self.headers.get_all(name, [])]

    def answer(self, response: Response) -> None:
        """Send it in one piece."""
        content = response.content
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(body)))
        if self.server.is_stopping:
            self.send_header("Connection", "close")
            self.close_connection = True
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *arguments: object) -> None:
        """One line per request on standard error, but for the health checks."""
        if getattr(self, "path", "") != "/healthz":  # no path was read when the request line is broken
            sys.stderr.write(format % arguments + "\n")  # in one piece: other threads write too


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
