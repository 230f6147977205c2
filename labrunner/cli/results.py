"""Stored results, from where the user says they are. Heavy: imported late."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from labrunner.errors import BadResultFile
from labrunner.rules import stored
from labrunner.solution import manifest
from labrunner.solution.progress import Progress

if TYPE_CHECKING:
    from labrunner.model.result import Result


def read(file: Path | None) -> Result:
    """The result in `file`; without one, the last of the solution around the working directory.

    Raises:
        BadResultFile: it is missing, malformed, or of a newer schema.
        NotASolution: no file was named, and there is no solution around.
    """
    path = file or Progress(manifest.find(Path.cwd())).result_path
    return stored.result_of(bytes_of(path), str(path))


def bytes_of(path: Path) -> bytes:
    """What `path` holds.

    Raises:
        BadResultFile: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(stored.SIZE_LIMIT + 1)
    except (OSError, ValueError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else str(fault)
        raise BadResultFile(
            f"{path} cannot be read: {why}.", "Give the path of a result; `lab test` keeps the last one."
        ) from None
