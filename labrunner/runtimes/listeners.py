"""Listening TCP sockets, as the kernel's tables ``/proc/net/tcp`` and ``tcp6`` list them."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

TABLES = ("tcp", "tcp6")
_LISTEN = "0A"


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening TCP socket."""

    address: str
    port: int


def listening(table: str) -> list[tuple[str, Listener]]:
    """Inode and address of each listening socket in the text of such a table; other lines are passed over."""
    rows = [line.split() for line in table.splitlines()]
    return [(row[9], _listener(row[1])) for row in rows if len(row) > 9 and row[3] == _LISTEN]


def _listener(hexadecimal: str) -> Listener:
    address, port = hexadecimal.rsplit(":", 1)
    words = bytes.fromhex(address)
    # The kernel prints each 32-bit word of the address in the machine's own byte order.
    packed = b"".join(struct.pack("!I", *struct.unpack("=I", words[i : i + 4])) for i in range(0, len(words), 4))
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return Listener(socket.inet_ntop(family, packed), int(port, 16))
