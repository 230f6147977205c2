"""What the kernel tells of a tree of processes (Linux: /proc; elsewhere nothing is known and nothing is claimed).

Imported by the supervisor too, which runs as a bare script: standard library only.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


def descendants(pid: int) -> list[int]:
    """Pids of all processes below `pid`, parents before children; zombies included."""
    found: list[int] = []
    rest = [pid]
    while rest:
        for child in _children(rest.pop()):
            found.append(child)
            rest.append(child)
    return found


def _children(pid: int) -> list[int]:
    children: list[int] = []
    try:
        for task in (PROC / str(pid) / "task").iterdir():
            children.extend(int(word) for word in (task / "children").read_text().split())
    except (OSError, ValueError):
        pass
    return children


def state(pid: int) -> str:
    """The kernel's letter for a process's state (R, S, D, T, Z ...); empty when it is gone."""
    try:
        stat = (PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return ""
    return stat[stat.rindex(b")") + 2 : stat.rindex(b")") + 3].decode()


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening TCP socket."""

    address: str
    port: int


def listeners(pids: list[int]) -> list[Listener]:
    """The TCP sockets on which these processes listen."""
    inodes = {inode for pid in pids for inode in _socket_inodes(pid)}
    found: list[Listener] = []
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        found.extend(listener for inode, listener in _listening(table, family) if inode in inodes)
    return found


def _socket_inodes(pid: int) -> set[str]:
    inodes = set()
    try:
        for descriptor in (PROC / str(pid) / "fd").iterdir():
            target = str(descriptor.readlink())
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    except OSError:
        pass
    return inodes


def _listening(table: str, family: socket.AddressFamily) -> list[tuple[str, Listener]]:
    try:
        lines = (PROC / "net" / table).read_text().splitlines()[1:]
    except OSError:
        return []
    rows = [line.split() for line in lines]
    return [(row[9], _listener(row[1], family)) for row in rows if row[3] == "0A"]


def _listener(hexadecimal: str, family: socket.AddressFamily) -> Listener:
    address, port = hexadecimal.rsplit(":", 1)
    words = bytes.fromhex(address)
    # The kernel prints each 32-bit word of the address in the machine's own byte order.
    packed = b"".join(struct.pack("!I", *struct.unpack("=I", words[i : i + 4])) for i in range(0, len(words), 4))
    return Listener(socket.inet_ntop(family, packed), int(port, 16))
