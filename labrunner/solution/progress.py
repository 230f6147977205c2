"""What is remembered in a solution's ``.lab/``: the last result, hints given. Git ignores it; losing it loses no work."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labrunner.errors import EnvironmentProblem, UsageError
from labrunner.model.status import Status
from labrunner.solution.layout import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Write `path` so that a crash or a full disk leaves the old content; a link is written through.

    Raises:
        EnvironmentProblem: no room, or no permission.
    """
    target = path.resolve()
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        if path.exists() and not path.is_file():
            # A pipe or a device is written to, never replaced; behind /dev/stdout it has no path to resolve to.
            path.write_bytes(data)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(target)
    except OSError as fault:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise _unwritable(path, fault) from None


def _unwritable(path: Path, fault: OSError) -> EnvironmentProblem:
    advice = "Free some room." if fault.errno in {errno.ENOSPC, errno.EDQUOT} else "Check its folder's permissions."
    return EnvironmentProblem(f"{path} cannot be written: {fault.strerror}.", advice)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a solution has come.

    Attributes:
        statuses: the newest verdict by check id; empty before the first test.
        seed: of the last run.
    """

    statuses: dict[str, str]
    seed: str = ""


class Progress:
    """The ``.lab`` folder of one solution."""

    def __init__(self, solution: Path) -> None:
        self.folder = solution / FOLDER

    @property
    def result_path(self) -> Path:
        """Where the last result lies."""
        return self.folder / "result.json"

    def standing(self) -> Standing:
        """The newest verdict on each check; nothing when there is none, or none that can be read."""
        found = _read(self.folder / "standing.json")
        statuses = found.get("statuses")
        if not isinstance(statuses, dict):
            return Standing({})
        known = {str(check): status for check, status in statuses.items() if status in list(Status)}
        return Standing(known, str(found.get("seed", "")))

    def hints_given(self, check: str) -> int:
        """How many hints of that check were shown."""
        given = _read(self.folder / "hints.json").get(check, 0)
        return given if isinstance(given, int) else 0

    def give_hint(self, check: str) -> None:
        """Remember that one more was shown."""
        hints = _read(self.folder / "hints.json")
        hints[check] = self.hints_given(check) + 1
        write_whole(self.folder / "hints.json", json.dumps(hints, indent=2).encode())

    def save(self, data: bytes, seed: str, verdicts: dict[str, str]) -> None:
        """Keep `data` as the last result, and its verdicts as the newest on those checks."""
        write_whole(self.result_path, data)
        standing = {"seed": seed, "statuses": self.standing().statuses | verdicts}
        write_whole(self.folder / "standing.json", json.dumps(standing, indent=2).encode())

    def backup_folder(self) -> Path:
        """A new folder for files that `lab reset` replaces."""
        stamp = time.strftime("%Y%m%d-%H%M%S")
        for suffix in ("", *(f"-{number}" for number in range(1, 1000))):
            folder = self.folder / "backups" / f"{stamp}{suffix}"
            if not folder.exists():
                return folder
        raise EnvironmentProblem(f"{self.folder / 'backups'} is full of backups of this second.", "Try again.")

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """One run at a time in one solution; the kernel frees it however the run ends.

        Raises:
            UsageError: another run holds it.
            EnvironmentProblem: the folder cannot be written.
        """
        path = self.folder / "lock"
        try:
            self.folder.mkdir(exist_ok=True)
            handle = path.open("a+")
        except OSError as fault:
            raise _unwritable(path, fault) from None
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                handle.seek(0)
                holder = handle.read().strip() or "unknown"
                raise UsageError(
                    f"Another lab command (process {holder}) is at work in {self.folder.parent}.",
                    "Wait for it, or end it.",
                ) from None
            handle.truncate(0)
            handle.write(str(os.getpid()))
            handle.flush()
            yield


def _read(path: Path) -> dict[str, Any]:
    """The JSON object in `path`; empty when it is missing or damaged, since nothing here is worth an error."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
