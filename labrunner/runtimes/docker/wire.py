"""A few raw HTTP questions to the Docker engine, on the standard library alone.

For what must start at once (`lab test` picking a runtime) or outlive everything (the reaper, which runs as a bare
script): docker-py takes 90 ms to import.
"""

from __future__ import annotations

import http.client
import json
import socket
import urllib.parse
from typing import Any


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def ask(url: str, method: str, target: str, timeout: float) -> tuple[int, bytes]:
    """Status and body of one request.

    Args:
        url: of the engine: ``unix:///path`` or ``tcp://host:port``.
        method: of the request.
        target: as in ``/_ping``.
        timeout: seconds for each step of it.

    Raises:
        OSError, http.client.HTTPException: nobody answers there, or not as an engine would.
    """
    parts = urllib.parse.urlsplit(url)
    connection = (
        _UnixConnection(parts.path, timeout)
        if parts.scheme == "unix"
        else http.client.HTTPConnection(parts.hostname or "", parts.port or 2375, timeout=timeout)
    )
    try:
        connection.request(method, target)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def labelled(url: str, kind: str, label: str, timeout: float) -> list[dict[str, Any]]:
    """All ``containers``, ``networks`` or ``images`` that bear `label` (a name, or ``name=value``); raises like `ask`."""
    filters = urllib.parse.quote(json.dumps({"label": [label]}))
    listing = f"/{kind}/json" if kind != "networks" else "/networks"
    status, body = ask(url, "GET", f"{listing}?all=1&filters={filters}", timeout)
    found = json.loads(body) if status == 200 else []
    return found if isinstance(found, list) else []


def remove(url: str, kind: str, identity: str, timeout: float) -> bool:
    """Remove one of those, running or not; whether it is gone. Raises like `ask`."""
    options = {"containers": "?force=1&v=1", "images": "?force=1", "networks": ""}[kind]
    status, _ = ask(url, "DELETE", f"/{kind}/{urllib.parse.quote(identity, safe='')}{options}", timeout)
    return status in {200, 204, 404}
