"""As much of PostgreSQL's protocol (version 3) as tests need: one session, one simple query, its rows as text."""

from __future__ import annotations

import socket
import struct

from labrunner.companions.postgres import DATABASE, USER


def query(address: tuple[str, int], sql: str) -> list[str]:
    """The first column of each row.

    Raises:
        RuntimeError: with the server's own words.
    """
    words = b"".join(b"%s\0" % word.encode() for word in ("user", USER, "database", DATABASE)) + b"\0"
    with socket.create_connection(address, 60) as connection, connection.makefile("rb") as source:
        connection.sendall(struct.pack("!II", 8 + len(words), 196608) + words)
        _until_ready(source)
        text = sql.encode() + b"\0"
        connection.sendall(b"Q" + struct.pack("!I", 4 + len(text)) + text)
        return _until_ready(source)


def _until_ready(source: object) -> list[str]:
    rows: list[str] = []
    while True:
        kind, length = struct.unpack("!cI", source.read(5))  # type: ignore[attr-defined]
        body = source.read(length - 4)  # type: ignore[attr-defined]
        if kind == b"E":
            raise RuntimeError(body.replace(b"\0", b" ").decode("utf-8", "replace"))
        if kind == b"D":
            (size,) = struct.unpack("!i", body[2:6])
            rows.append(body[6 : 6 + size].decode())
        if kind == b"Z":
            return rows
