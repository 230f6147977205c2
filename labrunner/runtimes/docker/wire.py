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

IN_USE = 403
"""What the engine says of a network with active endpoints."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def ask(url: str, method: str, target: str, timeout: float, body: object = None) -> tuple[int, bytes]:
    """Status and body of one request.

    Args:
        url: of the engine: ``unix:///path`` or ``tcp://host:port``.
        method: of the request.
        target: as in ``/_ping``.
        timeout: seconds for each step of it.
        body: sent as JSON, unless None.

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
        if body is None:
            connection.request(method, target)
        else:
            connection.request(method, target, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def labelled(url: str, kind: str, label: str, timeout: float) -> list[dict[str, Any]]:
    """All ``containers``, ``networks`` or ``images`` that bear `label` (a name, or ``name=value``).

    Raises:
        OSError, http.client.HTTPException, ValueError: the engine does not answer, or not what it was asked.
    """
    filters = urllib.parse.quote(json.dumps({"label": [label]}))
    listing = f"/{kind}/json" if kind != "networks" else "/networks"
    status, body = ask(url, "GET", f"{listing}?all=1&filters={filters}", timeout)
    if status != 200:
        # Not "none": the reaper would go home and leave everything.
        raise http.client.HTTPException(f"it answers {status} when asked for {kind}")
    found: list[dict[str, Any]] = json.loads(body)
    return found


def remove(url: str, kind: str, identity: str, timeout: float) -> bool:
    """Remove one of those, running or not; whether it is gone. Raises like `labelled`."""
    options = {"containers": "?force=1&v=1", "images": "?force=1", "networks": ""}[kind]
    target = f"/{kind}/{urllib.parse.quote(identity, safe='')}"
    status, _ = ask(url, "DELETE", target + options, timeout)
    if kind == "networks" and status == IN_USE:
        _let_go(url, target, timeout)
        status, _ = ask(url, "DELETE", target, timeout)
    return status in {200, 204, 404}


def _let_go(url: str, network: str, timeout: float) -> None:
    """Of every endpoint: a busy engine may hold those of containers that are gone, and knows them by name alone."""
    status, body = ask(url, "GET", network, timeout)
    held = (json.loads(body).get("Containers") or {}) if status == 200 else {}
    for endpoint in held.values():
        ask(url, "POST", f"{network}/disconnect", timeout, {"Container": endpoint["Name"], "Force": True})
