"""One connection: requests one after another, until one side has had enough."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import traceback
from dataclasses import dataclass

import answers
from answers import Answer
from bodies import framing, read_body
from head import Bad, Request, read_head
from reading import Gone, Late, Source
from routes import Routes

BODY_SECONDS = 60.0
WRITE_SECONDS = 60.0
LINGER_SECONDS = 1.0


@dataclass
class Settings:
    """Seconds, from the environment."""

    keep_alive: float
    header: float
    is_stopping: bool = False


class Connection:
    """Serves one client."""

    def __init__(self, sock: socket.socket, routes: Routes, settings: Settings) -> None:
        self.sock = sock
        self.source = Source(sock)
        self.routes = routes
        self.settings = settings
        self.is_busy = False
        self.lock = threading.Lock()

    def serve(self) -> None:
        """Until the end, whatever it is."""
        try:
            while self.serve_one():
                if self.settings.is_stopping:
                    self.stop()  # what was answered had begun before the end was known
            self.say_goodbye()
        except (Gone, OSError):
            pass
        except Exception:
            traceback.print_exc()
        finally:
            self.sock.close()

    def stop(self) -> None:
        """Let it go when it is idle. What has arrived is still read, then comes the end."""
        with self.lock:
            if not self.is_busy:
                with contextlib.suppress(OSError):
                    self.sock.shutdown(socket.SHUT_RD)

    def serve_one(self) -> bool:
        """One request; whether another may follow."""
        self.source.deadline = time.monotonic() + self.settings.keep_alive
        try:
            self.source.wait()
        except Late:
            return False
        self.source.deadline = time.monotonic() + self.settings.header
        try:
            request = read_head(self.source)
        except Late:
            return self.refuse(408)
        except Bad as bad:
            return self.refuse(bad.status)
        with self.lock:
            self.is_busy = True
        try:
            return self.serve_request(request)
        finally:
            with self.lock:
                self.is_busy = False

    def serve_request(self, request: Request) -> bool:
        """Read its body, answer it."""
        self.source.deadline = time.monotonic() + BODY_SECONDS
        try:
            length = framing(request)
            self.invite(request, length)
            request.body = read_body(self.source, length)
        except Late:
            return self.refuse(408)
        except Bad as bad:
            return self.refuse(bad.status, request.method)
        try:
            answer = self.routes.answer(request)
        except Exception:
            traceback.print_exc()
            answer = answers.error(500)
        stays_open = request.stays_open and not self.settings.is_stopping
        if answer.chunks is not None and request.minor == 0:
            stays_open = False
        self.send(request, answer, stays_open=stays_open)
        return stays_open

    def invite(self, request: Request, length: int | None) -> None:
        """A client that waits to be asked for its body is asked."""
        waits = request.minor >= 1 and "100-continue" in request.members("expect")
        if waits and length != 0 and not self.source.buffer:
            self.write(answers.CONTINUE)

    def send(self, request: Request, answer: Answer, *, stays_open: bool) -> None:
        """The answer, in the form that the request can bear."""
        connection = "close" if not stays_open else "keep-alive" if request.minor == 0 else None
        is_chunked = request.minor >= 1
        head = answers.head(answer, connection, is_chunked=is_chunked)
        if request.method == "HEAD" or answer.chunks is None:
            self.write(head if request.method == "HEAD" else head + answer.body)
            return
        self.write(head)
        for chunk in answer.chunks:
            self.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if is_chunked else chunk)
        if is_chunked:
            self.write(b"0\r\n\r\n")

    def refuse(self, status: int, method: str = "") -> bool:
        """Answer a request that cannot be understood; nothing after it can be trusted."""
        if len(self.source.buffer) > 1_000:
            return False
        answer = answers.error(status)
        head = answers.head(answer, "close", is_chunked=False)
        self.write(head if method == "HEAD" else head + answer.body)
        return False

    def write(self, data: bytes) -> None:
        """All of it."""
        self.sock.settimeout(WRITE_SECONDS)
        self.sock.sendall(data)

    def say_goodbye(self) -> None:
        """Stop sending, and read on for a while: unread bytes would make a reset that overtakes the last answer."""
        self.sock.shutdown(socket.SHUT_WR)
        give_up = time.monotonic() + LINGER_SECONDS
        while (left := give_up - time.monotonic()) > 0:
            self.sock.settimeout(left)
            if not self.sock.recv(65536):
                return
