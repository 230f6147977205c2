"""The runner's end of a companion's control channel: HTTP and JSON over a Unix socket, or over another network."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labrunner.ports.companion import ControlFailed
from labrunner.ports.target import CannotTell

if TYPE_CHECKING:
    from pathlib import Path

_NO_WORD = re.compile(r"[\x00-\x20\x7f]")
_HEAD = re.compile(rb"HTTP/1\.\d (?P<status>\d{3}) .*\r\nContent-Length: (?P<length>\d+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Channel:
    """Where it is.

    Attributes:
        path: of the Unix socket; None for an address.
        address: host and port.
        token: what each request bears.
    """

    token: str
    path: Path | None = None
    address: tuple[str, int] = ("", 0)

    def ask(self, method: str, path: str, body: Any, timeout: float) -> Any:
        """One request; returns what was answered.

        Raises:
            CannotTell: nobody answers in time; whoever stands still may do so on a busy machine.
            ControlFailed: nobody is there, or who is refuses.
        """
        try:
            status, data = self._exchange(method, path, b"" if body is None else json.dumps(body).encode(), timeout)
            content = json.loads(data)
        except TimeoutError:
            raise CannotTell(f"{method} {path}: the companion did not answer for {timeout:g} s") from None
        except (OSError, ValueError) as fault:
            raise ControlFailed(
                f"{method} {path}: the companion does not answer: {str(fault) or type(fault).__name__}"
            ) from None
        if status != 200:
            raise ControlFailed(f"{method} {path}: {content.get('error', status)}")
        return content

    def wait(self, until: float) -> bool:
        """Whether somebody answers there before that monotonic moment."""
        while (left := until - time.monotonic()) > 0:
            try:
                self._exchange("GET", "/-/ready", b"", left)
            except (OSError, ValueError):
                time.sleep(0.005)
            else:
                return True
        return False

    def _exchange(self, method: str, path: str, body: bytes, timeout: float) -> tuple[int, bytes]:
        """One request on a connection of its own, whose end is the answer's; returns status and content.

        Only `companions/host.py` is ever asked: for that, `http.client` would be 15 ms of each run's start.

        Raises:
            OSError: nobody answers in time.
            ValueError: the answer is none, or cut off.
        """
        if _NO_WORD.search(method + path):
            raise ValueError("a method or path has no white space")
        head = f"{method} {path} HTTP/1.0\r\nX-Lab-Token: {self.token}\r\nContent-Length: {len(body)}\r\n\r\n"
        request = head.encode("ascii") + body
        with self._connected(timeout) as connection:
            connection.sendall(request)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        told, _, content = answer.partition(b"\r\n\r\n")
        found = _HEAD.match(told)
        if found is None or int(found["length"]) != len(content):
            raise ValueError("its answer broke off")
        return int(found["status"]), content

    def _connected(self, timeout: float) -> socket.socket:
        if self.path is None:
            return socket.create_connection(self.address, timeout)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(timeout)
        try:
            _connect(connection, self.path)
        except OSError:
            connection.close()
            raise
        return connection


def _connect(connection: socket.socket, path: Path) -> None:
    if sys.platform != "linux":
        connection.connect(str(path))
        return
    # A Unix socket's name must be short; a run's folder need not be.
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        connection.connect(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
