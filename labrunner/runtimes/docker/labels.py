"""What every container, network and image of ours bears, so that nothing of it is ever lost."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

RUN = "labrunner.run"
"""The random id of the run that it belongs to and ends with; empty for what outlives a run (cached builds)."""
OWNER = "labrunner.owner"
"""The process that started the run, so that `lab doctor --clean` can tell the living from the dead."""
IMAGE = "labrunner.image"
"""On an image that `lab images build` made: its name."""
CACHE = "labrunner.cache"
"""On a cached build of a solution: what was built."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run, by an id that nobody can guess."""

    id: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def labels(self) -> dict[str, str]:
        """For everything that ends with the run."""
        return {RUN: self.id, OWNER: owner()}


def owner() -> str:
    """This process, as a name that no other process of this machine has had or will have."""
    return f"{os.getpid()}-{_started_at(os.getpid())}-{_machine()}"


def is_alive(name: str) -> bool:
    """Whether the process of that name still runs; of one that cannot be seen from here (another container) it may."""
    pid, _, rest = name.partition("-")
    started, _, machine = rest.partition("-")
    boot, _, view = machine.partition("-")
    if not pid.isdigit() or not view:
        return True
    ours, _, our_view = _machine().partition("-")
    if boot != ours:
        return False
    return view != our_view or _started_at(int(pid)) == started


def _started_at(pid: int) -> str:
    """When it started, as the kernel counts; empty when it is gone (and, without /proc, always: see `is_alive`)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        return stat[stat.rindex(b")") + 2 :].split()[19].decode()
    except OSError:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return ""
        except PermissionError:
            return "alive"
        return "alive" if not Path("/proc/self").exists() else ""


def _machine() -> str:
    """This boot, and whose pids we see: in a container a pid means another process than beside it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")[:12]
        view = "".join(filter(str.isdigit, str(Path("/proc/self/ns/pid").readlink())))
    except OSError:
        return "unknown-unknown"
    return f"{boot}-{view}"
