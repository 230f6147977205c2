"""Whose something is: a run's process, by a name that tells the living from the dead long after. Standard library only."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

PARTS = 5
"""Of a name, between dashes: pid, start, boot, view, host."""
_UNKNOWN = "0"


def owner() -> str:
    """This process, as a name that no other process has had or will have, here or on another machine."""
    return "-".join([str(os.getpid()), _started_at(os.getpid()), *_machine()])


def is_alive(name: str, *, is_shared: bool = False) -> bool | None:
    """Whether the process of that name still runs; None where that cannot be seen from here.

    Args:
        name: as `owner` made it there and then.
        is_shared: whether other machines leave things in the same place. Where they do not, another boot was this
            machine's, and over; where they do, it may be another machine's, which is up.
    """
    parts = name.split("-")
    if len(parts) != PARTS or not parts[0].isdigit():
        return None
    pid, started, boot, view, host = parts
    our_boot, our_view, our_host = _machine()
    if is_shared and host != our_host:
        return None
    if boot != our_boot:
        return False
    # In a container a pid means another process than beside it.
    return _started_at(int(pid)) == started if view == our_view else None


def _started_at(pid: int) -> str:
    """When it started, as the kernel counts: pids are used again, pairs are not. Empty when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        return stat[stat.rindex(b")") + 2 :].split()[19].decode()
    except OSError:
        return "alive" if not Path("/proc/self").exists() and _is_there(pid) else ""


def _is_there(pid: int) -> bool:
    """The same without /proc, as far as that can be known."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _machine() -> tuple[str, str, str]:
    """This boot, whose pids we see, and the machine's name; each short, for a Unix socket's path may lead past it."""
    host = hashlib.sha256(os.uname().nodename.encode()).hexdigest()[:6]
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")[:8]
        view = "".join(filter(str.isdigit, str(Path("/proc/self/ns/pid").readlink())))
    except OSError:
        return _UNKNOWN, _UNKNOWN, host
    return boot, view, host
