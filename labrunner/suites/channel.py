"""JSON lines over a stream socket; a line may have a file descriptor beside it (SCM_RIGHTS)."""

from __future__ import annotations

import array
import os
import socket
from collections import deque
from typing import TYPE_CHECKING, Any

from labrunner.rules import wire

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_DESCRIPTORS = 16


class Channel:
    """One end."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._rest = b""
        self._descriptors: deque[int] = deque()

    def fileno(self) -> int:
        """Of the socket."""
        return self._end.fileno()

    def send(self, message: Any, descriptor: int | None = None) -> None:
        """Send one line.

        Raises:
            OSError: the other end is gone.
        """
        data = wire.encode(message) + b"\n"
        if descriptor is not None:
            # The descriptor travels with the first byte; the rest of the line may follow in pieces.
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
            data = data[self._end.sendmsg([data], rights) :]
        self._end.sendall(data)

    def lines(self) -> Iterator[bytes]:
        """Lines as they come, until the other end is closed or `timeout` (of the socket) passes (TimeoutError)."""
        while True:
            while b"\n" in self._rest:
                line, self._rest = self._rest.split(b"\n", 1)
                yield line
            try:
                data, descriptors, _, _ = socket.recv_fds(self._end, 65536, _MOST_DESCRIPTORS)
            except ConnectionResetError:
                return
            self._descriptors.extend(descriptors)
            if not data:
                return
            self._rest += data

    def take_descriptor(self) -> int:
        """The oldest descriptor that came and was not taken yet."""
        return self._descriptors.popleft()

    def close_untaken(self) -> None:
        """Close the descriptors that came and were not taken: in a fork they are other checks'."""
        while self._descriptors:
            os.close(self._descriptors.popleft())

    def settimeout(self, seconds: float | None) -> None:
        """How long `lines` waits for more."""
        self._end.settimeout(seconds)

    def close(self) -> None:
        """Close this end."""
        self._end.close()
