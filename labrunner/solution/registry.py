"""Where on this machine solutions were begun, so that a second `lab start` can say where the first is."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from labrunner.solution.layout import FILE
from labrunner.solution.places import state_folder
from labrunner.solution.progress import write_whole

KEPT = 20


class Registry:
    """A list of folders per lab; those that are gone are forgotten."""

    def __init__(self, folder: Path | None = None) -> None:
        self._path = (folder or state_folder()) / "started.json"

    def folders(self, lab: str) -> list[Path]:
        """Folders of solutions of `lab` that still exist, newest first."""
        return [Path(folder) for folder in self._read().get(lab, []) if (Path(folder) / FILE).is_file()]

    def remember(self, lab: str, folder: Path) -> None:
        """Add `folder`. That it cannot be written is no reason to refuse a start."""
        started = self._read()
        started[lab] = [str(folder), *(known for known in started.get(lab, []) if known != str(folder))][:KEPT]
        with contextlib.suppress(Exception):
            write_whole(self._path, json.dumps(started, indent=2).encode())

    def _read(self) -> dict[str, list[str]]:
        try:
            value = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        if not isinstance(value, dict):
            return {}
        return {
            lab: [f for f in found if isinstance(f, str)] for lab, found in value.items() if isinstance(found, list)
        }
