"""The client of the ledger. What it cannot know, it says: `Unknown`."""

from __future__ import annotations

import json
import socket
import time
from typing import Any
from urllib.parse import quote, urlsplit


class Declined(Exception):
    """402: nothing moved, and nothing will."""


class Unavailable(Exception):
    """503, or nobody listens: nothing moved."""


class Unknown(Exception):
    """No complete answer in time: money may have moved, or may still."""


class Ledger:
    """Each request on a connection of its own: one that is kept may break at any moment, and who knows when it did?"""

    def __init__(self, url: str, timeout: float) -> None:
        parts = urlsplit(url)
        self.address = (parts.hostname or "", parts.port or 80)
        self.prefix = parts.path.rstrip("/")
        self.timeout = timeout

    def charge(self, reference: str, amount: int, currency: str, account: str) -> str:
        """Move money; returns the charge's id."""
        order = {"reference": reference, "amount": amount, "currency": currency, "account": account}
        status, content = self.post("/charges", order)
        match status:
            case 201:
                return str(content["charge_id"])
            case 402:
                raise Declined
            case 503:
                raise Unavailable
            case _:
                raise Unknown

    def close(self, reference: str) -> list[str]:
        """Let nothing happen under `reference` any more; returns the ids of the charges that did."""
        try:
            status, content = self.post(f"/references/{quote(reference)}/close", None)
        except (Unavailable, Unknown):
            status, content = 0, {}
        if status != 200:
            try:
                status, content = self.post(f"/charges?reference={quote(reference)}", None, "GET")
            except Unavailable:
                raise Unknown from None
        return [charge["charge_id"] for charge in content["charges"]]

    def post(self, path: str, content: object, method: str = "POST") -> tuple[int, dict[str, Any]]:
        """Status and content of the answer, all of it within the timeout."""
        until = time.monotonic() + self.timeout
        try:
            connection = socket.create_connection(self.address, timeout=self.timeout)
        except ConnectionRefusedError:
            raise Unavailable from None
        except OSError:
            raise Unknown from None
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                connection.sendall(self.request(path, content, method))
                return self.answer(connection, until)
            except (OSError, ValueError, KeyError, IndexError):
                raise Unknown from None

    def request(self, path: str, content: object, method: str) -> bytes:
        body = b"" if content is None else json.dumps(content).encode()
        lines = [
            f"{method} {self.prefix}{path} HTTP/1.1",
            f"Host: {self.address[0]}:{self.address[1]}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            "Connection: close",
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body

    def answer(self, connection: socket.socket, until: float) -> tuple[int, dict[str, Any]]:
        """Read until the body is complete; an answer that ends early is none."""
        data = b""
        while True:
            head, end, body = data.partition(b"\r\n\r\n")
            if end and len(body) >= (length := content_length(head)):
                return int(head.split(b" ", 2)[1]), json.loads(body[:length])
            left = until - time.monotonic()
            if left <= 0:
                raise Unknown
            connection.settimeout(left)
            more = connection.recv(65536)
            if not more:
                raise Unknown
            data += more


def content_length(head: bytes) -> int:
    """How long the body will be."""
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return int(value)
    raise ValueError("the ledger always says how long its answer is")
