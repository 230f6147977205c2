"""Removes everything of a run when its runner is gone, however it went. Run as ``python -I -S reaper.py URL LABEL``.

Standard input is a pipe from the runner: a byte means that the runner has cleaned up itself; the end without one
means that it died. Then containers, networks and images with the label go, until five seconds stay quiet: an engine
may still be creating what the runner asked for with its last breath.
"""

from __future__ import annotations

import http.client
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from wire import labelled, remove  # type: ignore[import-not-found]

QUIET_SECONDS = 5.0
GIVE_UP_SECONDS = 60.0
ANSWER_SECONDS = 30.0
KINDS = ("containers", "networks", "images")


def sweep(url: str, label: str) -> bool:
    """Remove what there is; whether anything was there, or may be: an engine that does not answer may come back."""
    found = False
    for kind in KINDS:
        try:
            for thing in labelled(url, kind, label, ANSWER_SECONDS):
                found = True
                remove(url, kind, thing["Id"], ANSWER_SECONDS)
        except (OSError, http.client.HTTPException, ValueError):
            found = True
    return found


def main() -> None:
    """Wait for the runner's end, then sweep."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    if os.read(0, 1):
        return
    url, label = sys.argv[1:3]
    began = quiet = time.monotonic()
    while time.monotonic() - quiet < QUIET_SECONDS and time.monotonic() - began < GIVE_UP_SECONDS:
        if sweep(url, label):
            quiet = time.monotonic()
        time.sleep(0.1)


if __name__ == "__main__":
    main()
