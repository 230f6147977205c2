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
    return f"{os.getpid()}-{_started_at(os.getpid())}-{_boot()}"


def is_alive(name: str) -> bool:
    """Whether the process of that name still runs; one of another boot does not, one that is no name of ours may."""
    pid, _, rest = name.partition("-")
    started, _, boot = rest.partition("-")
    if not pid.isdigit() or not boot:
        return True
    return boot == _boot() and _started_at(int(pid)) == started


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


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")[:12]
    except OSError:
        return "unknown"
