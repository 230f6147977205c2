"""The runner's end of a companion's control channel: HTTP and JSON over a Unix socket, or over another network."""

from __future__ import annotations

import http.client
import json
import os
import socket
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labrunner.ports.companion import ControlFailed
from labrunner.ports.target import CannotTell

if TYPE_CHECKING:
    from pathlib import Path


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
        connection = _Connection(self, timeout)
        data = b"" if body is None else json.dumps(body).encode()
        try:
            connection.request(method, path, data or None, {"X-Lab-Token": self.token})
            answer = connection.getresponse()
            content = json.loads(answer.read())
        except TimeoutError:
            raise CannotTell(f"{method} {path}: the companion did not answer for {timeout:g} s") from None
        except (OSError, http.client.HTTPException, ValueError) as fault:
            raise ControlFailed(
                f"{method} {path}: the companion does not answer: {str(fault) or type(fault).__name__}"
            ) from None
        finally:
            connection.close()
        if answer.status != 200:
            raise ControlFailed(f"{method} {path}: {content.get('error', answer.status)}")
        return content

    def wait(self, until: float) -> bool:
        """Whether somebody answers there before that monotonic moment."""
        while (left := until - time.monotonic()) > 0:
            connection = _Connection(self, left)
            try:
                connection.request("GET", "/-/ready", headers={"X-Lab-Token": self.token})
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                time.sleep(0.005)
            else:
                return True
            finally:
                connection.close()
        return False


class _Connection(http.client.HTTPConnection):
    def __init__(self, channel: Channel, timeout: float) -> None:
        super().__init__(channel.address[0] or "lab", channel.address[1] or 80, timeout=timeout)
        self._channel = channel

    def connect(self) -> None:
        path = self._channel.path
        if path is None:
            super().connect()
            return
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        if sys.platform != "linux":
            self.sock.connect(str(path))
            return
        # A Unix socket's name must be short; a run's folder need not be.
        folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
        try:
            self.sock.connect(f"/proc/self/fd/{folder}/{path.name}")
        finally:
            os.close(folder)
