"""One keep-alive connection, as cheap as Python allows: a plain socket that gevent's loop watches.

gevent's own sockets try to read first, fail, and then wait: an exception and a system call for each answer. Here every
read waits first. One request at a time is in flight (nothing is pipelined).
"""

from __future__ import annotations

import contextlib
import time
from typing import Any

import gevent
from gevent import monkey

# What `socket` was before Locust replaced it.
_socket = monkey.get_original("socket", "socket")
_BLOCK = 65536
MOST_BYTES = 1024 * 1024
"""Of one answer."""
READ, WRITE = 1, 2


class Unanswered(Exception):
    """No complete answer came, which a correct service can cause too: the outcome is unknown."""


class Malformed(Exception):
    """What came is no HTTP answer, or broke off in the middle of one."""


class Connection:
    """To one service; connects when it must.

    Attributes:
        since: monotonic moment at which the request in flight was sent; 0 when there is none.
    """

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.since = 0.0
        self._hub: Any = gevent.get_hub()
        self._socket: Any = None
        self._readable: Any = None

    def ask(self, data: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to one request.

        Raises:
            Unanswered: the service cannot be reached, closed the connection, or was given up by `give_up`.
            Malformed: what came is no HTTP answer.
        """
        self.since = time.monotonic()
        try:
            if self._socket is None:
                self._connect()
            self._send(data)
            self._hub.wait(self._readable)
            block = self._socket.recv(_BLOCK)
            end = block.find(b"\r\n\r\n")
            if end > 0:
                head = block[:end].lower()
                place = head.find(b"\r\ncontent-length:")
                if place > 0:
                    length = int(head[place + 17 :].split(b"\r", 1)[0])
                    if len(block) == end + 4 + length:
                        if b"\r\nconnection: close" in head:
                            self.close()
                        return int(block[9:12]), block[end + 4 :]
            return self._read_on(block)
        except (OSError, ValueError) as fault:
            self.close()
            if isinstance(fault, OSError):
                raise Unanswered(str(fault)) from None
            raise Malformed(f"no HTTP answer: {fault}") from None
        except (Unanswered, Malformed):
            self.close()
            raise
        finally:
            self.since = 0.0

    def freshen(self) -> None:
        """Let go of a connection that the service has closed while nobody used it."""
        if self._socket is not None:
            try:
                self._socket.recv(1)
            except BlockingIOError:
                return
            except OSError:
                pass
            self.close()

    def give_up(self) -> None:
        """End what is in flight: whoever waits for it reads an end of file."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(2)

    def close(self) -> None:
        """Let go of the connection; the next request makes another."""
        if self._socket is not None:
            self._readable.stop()
            self._readable.close()
            self._socket.close()
            self._socket = None

    def _connect(self) -> None:
        made = _socket(2, 1)  # AF_INET, SOCK_STREAM
        made.setblocking(False)
        made.setsockopt(6, 1, 1)  # TCP_NODELAY
        loop = self._hub.loop
        self._socket, self._readable = made, loop.io(made.fileno(), READ)
        with contextlib.suppress(BlockingIOError):
            made.connect(self.address)
        writable = loop.io(made.fileno(), WRITE)
        try:
            self._hub.wait(writable)
        finally:
            writable.stop()
            writable.close()
        if code := made.getsockopt(1, 4):  # SOL_SOCKET, SO_ERROR
            raise Unanswered(f"it cannot be connected to (error {code})")

    def _send(self, data: bytes) -> None:
        if self._socket.send(data) != len(data):
            raise Unanswered("the request could not be sent at once")

    def _more(self, so_far: bytes) -> bytes:
        if len(so_far) > MOST_BYTES:
            raise Malformed("an answer of more than a megabyte")
        self._hub.wait(self._readable)
        block: bytes = self._socket.recv(_BLOCK)
        if not block:
            raise Malformed("the connection was closed in the middle of an answer")
        return so_far + block

    def _read_on(self, data: bytes) -> tuple[int, bytes]:
        """The rarer forms: an answer in several pieces, in chunks, or up to the end of the connection."""
        if not data:
            raise Unanswered("the connection was closed without an answer")
        while b"\r\n\r\n" not in data:
            data = self._more(data)
        head, _, rest = data.partition(b"\r\n\r\n")
        line, *fields = head.split(b"\r\n")
        if not line.startswith(b"HTTP/1."):
            raise Malformed("no HTTP answer")
        values = {name.strip().lower(): value.strip() for name, _, value in (field.partition(b":") for field in fields)}
        status = int(line[9:12])
        if b"chunked" in values.get(b"transfer-encoding", b"").lower():
            body = self._chunks(rest)
        elif b"content-length" in values:
            length = int(values[b"content-length"])
            while len(rest) < length:
                rest = self._more(rest)
            if len(rest) > length:
                raise Malformed("more came than Content-Length says")
            body = rest
        elif status in {204, 304}:
            body = b""
        else:
            body = self._to_the_end(rest)
        if b"close" in values.get(b"connection", b"").lower() or line.startswith(b"HTTP/1.0"):
            self.close()
        return status, body

    def _chunks(self, rest: bytes) -> bytes:
        body = b""
        while True:
            while b"\r\n" not in rest:
                rest = self._more(rest)
            size, _, rest = rest.partition(b"\r\n")
            length = int(size.split(b";")[0], 16)
            while len(rest) < length + 2:
                rest = self._more(rest)
            body, rest = body + rest[:length], rest[length + 2 :]
            if not length:
                return body

    def _to_the_end(self, rest: bytes) -> bytes:
        try:
            while True:
                rest = self._more(rest)
        except Malformed:
            return rest
        finally:
            self.close()
