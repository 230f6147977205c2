"""The ports on which a tree of processes listens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labrunner.runtimes import listeners as tables
from labrunner.runtimes.process.tree import PROC, socket_inodes

if TYPE_CHECKING:
    from labrunner.runtimes.listeners import Listener


def listeners(pids: list[int]) -> list[Listener]:
    """The TCP sockets on which these processes listen."""
    inodes = {inode for pid in pids for inode in socket_inodes(pid)}
    found: list[Listener] = []
    for name in tables.TABLES:
        try:
            text = (PROC / "net" / name).read_text()
        except OSError:
            continue
        found.extend(listener for inode, listener in tables.listening(text) if inode in inodes)
    return found
