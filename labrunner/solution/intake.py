"""The private copy of a solution that is built and run. Links are not followed, sizes are bounded while walking."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from labrunner.errors import EnvironmentProblem
from labrunner.model.outcome import Failure
from labrunner.model.result import Startup
from labrunner.model.solution import Solution, Staged
from labrunner.model.status import Reason
from labrunner.ports.runtime import NotStarted
from labrunner.rules.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LEFT_OUT = {
    ".lab",
    ".git",
    ".venv",
    "venv",
    "node_modules",
    "__pycache__",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
}
"""Never part of a solution: ours, version control's, and what the build phase makes anew."""
EDITORS_OWN = (".#*", "#*#", "*~", ".*.sw?")
"""Locks and backups that an editor keeps beside an open file; some are links."""
MAX_FILES = 5_000
MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 32


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    mode: int
    size: int
    path: str


def stage(solution: Solution, target: Path) -> Staged:
    """Copy `solution` to `target`, which must not exist yet.

    Raises:
        NotStarted: REJECTED, for a link, a special file, or too much of anything.
        EnvironmentProblem: a file cannot be read, or there is no room.
    """
    digest = hashlib.sha256()
    target.mkdir(parents=True)
    total = 0
    for count, entry in enumerate(_walk(str(solution.path), "", 0), start=1):
        total += entry.size
        if count > MAX_FILES:
            _reject(f"more than {MAX_FILES:,} files", "Remove what is generated; dependencies are installed anew.")
        if total > MAX_BYTES:
            _reject(f"more than {MAX_BYTES >> 20} MiB of files", "Remove what is generated or downloaded.")
        digest.update(_copy(entry, target))
    for folder in (target, *(path for path in target.rglob("*") if path.is_dir())):
        # Whatever our umask: the service may run as another user.
        folder.chmod(0o755)
    return Staged(solution, target, f"sha256:{digest.hexdigest()}")


def _walk(folder: str, prefix: str, depth: int) -> Iterator[_Entry]:
    """Regular files in the order of their names, so that the digest does not depend on the file system."""
    if depth > MAX_DEPTH:
        _reject(f"folders nested deeper than {MAX_DEPTH}: {printable(prefix[:60])}", "Flatten them.")
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: os.fsencode(entry.name))
    except OSError as fault:
        raise EnvironmentProblem(f"{folder} cannot be read: {fault.strerror}.", "Check its permissions.") from None
    for entry in entries:
        name = f"{prefix}{entry.name}"
        if entry.name in LEFT_OUT or any(fnmatch(entry.name, pattern) for pattern in EDITORS_OWN):
            continue
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue  # it went while we walked
        if stat.S_ISDIR(status.st_mode):
            yield from _walk(entry.path, f"{name}/", depth + 1)
        elif stat.S_ISREG(status.st_mode):
            yield _Entry(name, status.st_mode, status.st_size, entry.path)
        else:
            kind = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "a special file"
            _reject(f"{printable(name)} is {kind}", "Only regular files and folders belong in a solution.")


def _copy(entry: _Entry, target: Path) -> bytes:
    """Copy one file; returns what it adds to the digest."""
    content = hashlib.sha256()
    destination = target / entry.name
    try:
        source = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        destination.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(source, "rb") as reader, destination.open("xb") as writer:
            left = entry.size
            while left > 0 and (block := reader.read(min(left, 1 << 20))):
                left -= len(block)
                content.update(block)
                writer.write(block)
        is_program = bool(entry.mode & 0o100)
        destination.chmod(0o755 if is_program else 0o644)
    except OSError as fault:
        action = "Free some room." if fault.errno == errno.ENOSPC else "Check its permissions."
        raise EnvironmentProblem(f"{entry.path} cannot be copied: {fault.strerror}.", action) from None
    return b"%s\0%d\0%s\n" % (os.fsencode(entry.name), is_program, content.digest())


def _reject(got: str, advice: str) -> None:
    raise NotStarted(Startup(Reason.REJECTED, Failure("a solution of regular files within the limits", got, advice)))
