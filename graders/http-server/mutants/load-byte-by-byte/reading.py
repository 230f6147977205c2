"""Bytes from a socket, in the pieces that a parser wants, whatever pieces they arrive in."""

from __future__ import annotations

import selectors
import socket
import time


class Gone(Exception):
    """The client closed or broke the connection."""


class Late(Exception):
    """The time for what was to be read is over."""


class TooLong(Exception):
    """A line is longer than it may be."""


class Source:
    """What a client sends.

    `deadline` is a moment of the monotonic clock; every read ends there with `Late`.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.buffer = bytearray()
        self.deadline = 0.0

    def fill(self, size: int) -> None:
        """Add what arrives next, so many bytes at most."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Late
        with selectors.DefaultSelector() as selector:
            selector.register(self.sock, selectors.EVENT_READ)
            if not selector.select(left):
                raise Late
        self.sock.settimeout(left)
        try:
            data = self.sock.recv(size)
        except TimeoutError:
            raise Late from None
        except OSError:
            raise Gone from None
        if not data:
            raise Gone
        self.buffer += data

    def wait(self) -> None:
        """Wait for a first byte."""
        if not self.buffer:
            self.fill(1)

    def line(self, limit: int) -> bytes:
        """A line without its LF."""
        start = 0
        while (end := self.buffer.find(b"\n", start)) < 0:
            start = len(self.buffer)
            if start > limit:
                raise TooLong
            self.fill(1)
        if end > limit:
            raise TooLong
        line = bytes(self.buffer[:end])
        del self.buffer[: end + 1]
        return line

    def exactly(self, count: int) -> bytes:
        """So many bytes."""
        while len(self.buffer) < count:
            self.fill(count - len(self.buffer))
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data
