"""System V shared memory, which outlives the processes that made it.

A PostgreSQL that is killed leaves a segment of 56 bytes, and the kernel has 4,096 of them for the whole machine: without
this, after so many kills no PostgreSQL could be started on it any more. Imported by the supervisor, which runs as a bare
script: standard library only.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

TABLE = Path("/proc/sysvipc/shm")
IPC_RMID = 0


def remove_left_by(pid: int) -> int:
    """Remove what this process, which is dead, made and nobody has attached; how many there were. Linux only."""
    try:
        rows = [line.split() for line in TABLE.read_text().splitlines()[1:]]
    except OSError:
        return 0
    left = [int(row[1]) for row in rows if int(row[4]) == pid and row[6] == "0"]
    remove = ctypes.CDLL(None).shmctl
    return sum(remove(each, IPC_RMID, None) == 0 for each in left)
