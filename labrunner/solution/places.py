"""Where this machine keeps what belongs to no single solution. Light: every command may ask."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """``$LAB_CACHE``; else for root ``/var/cache/labrunner`` (an unprivileged service can read it), else XDG's."""
    if named := os.environ.get("LAB_CACHE"):
        return Path(named).expanduser().resolve()
    if os.geteuid() == 0:
        return Path("/var/cache/labrunner")
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "labrunner"


def state_folder() -> Path:
    """``$LAB_STATE``, else the XDG state folder of labrunner."""
    named = os.environ.get("LAB_STATE")
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(named).expanduser() if named else Path(base).expanduser() / "labrunner"
