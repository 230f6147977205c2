"""What the kernel tells of a tree of processes (Linux: /proc; elsewhere nothing is known and nothing is claimed).

Imported by the supervisor too, which runs as a bare script: standard library only.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

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


def resident(pids: Iterable[int]) -> int | None:
    """Bytes of resident memory of these processes together, shared pages counted for each; None when nobody can tell."""
    pages = 0
    for pid in pids:
        try:
            pages += int((PROC / str(pid) / "statm").read_text().split()[1])
        except (OSError, IndexError):
            continue
    return pages * os.sysconf("SC_PAGE_SIZE") or None


def state(pid: int) -> str:
    """The kernel's letter for a process's state (R, S, D, T, Z ...); empty when it is gone."""
    try:
        stat = (PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return ""
    return stat[stat.rindex(b")") + 2 : stat.rindex(b")") + 3].decode()


def socket_inodes(pid: int) -> set[str]:
    """Inodes of the sockets that a process holds open."""
    inodes = set()
    try:
        for descriptor in (PROC / str(pid) / "fd").iterdir():
            target = str(descriptor.readlink())
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    except OSError:
        pass
    return inodes
