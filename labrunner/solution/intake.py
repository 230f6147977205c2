"""The private copy of a solution that is built and run: what was pushed is never mounted, and never opened by a path.

Each folder is opened from the one around it (``dir_fd``), each file from its folder, never through a link; so whatever
somebody swaps for a link meanwhile, nothing outside of the solution is read. Sizes, counts and depth are bounded while
walking, before anything is copied that would break them.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import TYPE_CHECKING, NoReturn

from labrunner.errors import EnvironmentProblem
from labrunner.model.outcome import Failure
from labrunner.model.result import Startup
from labrunner.model.solution import Solution, Staged
from labrunner.model.status import Reason
from labrunner.ports.runtime import NotStarted
from labrunner.rules.text import printable

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
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
"""Files and folders, those that are left out included: a listing alone can be made too long."""
MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 32
MAX_NAME = 1_000
"""Bytes of a path within the solution; with the copy's own folder it must fit into what the system opens."""


def is_left_out(name: str) -> bool:
    """Whether a file or folder of that name is no part of a solution."""
    return name in LEFT_OUT or any(fnmatch(name, pattern) for pattern in EDITORS_OWN)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A regular file that was opened.

    Attributes:
        name: its path within the solution.
        handle: open for reading; whoever takes the entry closes it.
    """

    name: str
    mode: int
    size: int
    handle: int


def stage(solution: Solution, target: Path) -> Staged:
    """Copy `solution` to `target`, which must not exist yet.

    Raises:
        NotStarted: REJECTED, for a link, a special file, or too much of anything.
        EnvironmentProblem: a file cannot be read, or there is no room.
    """
    digest = hashlib.sha256()
    target.mkdir(parents=True)
    walk = _Walk(solution.path)
    # A walk that is left early closes what it holds open.
    with contextlib.closing(walk.files()) as files:
        for entry in files:
            digest.update(_copy(entry, target))
    for folder in (target, *(path for path in target.rglob("*") if path.is_dir())):
        # Whatever our umask: the service may run as another user.
        folder.chmod(0o755)
    return Staged(solution, target, f"sha256:{digest.hexdigest()}")


class _Walk:
    """One walk through a solution, with what it has seen so far."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._count = 0
        self._bytes = 0

    def files(self) -> Generator[_Entry]:
        """Regular files in the order of their names, so that the digest does not depend on the file system."""
        handle = self._open(str(self._root), None, "", os.O_DIRECTORY)
        yield from self._folder(handle, "", 0)

    def _folder(self, handle: int, prefix: str, depth: int) -> Iterator[_Entry]:
        try:
            if depth > MAX_DEPTH:
                _reject(f"folders nested deeper than {MAX_DEPTH}: {printable(prefix[:60])}", "Flatten them.")
            for name in self._names(handle, prefix):
                path = f"{prefix}{name}"
                if len(os.fsencode(path)) > MAX_NAME:
                    _reject(f"a name of more than {MAX_NAME:,} bytes: {printable(path[:60])}", "Shorten it.")
                yield from self._entry(handle, name, path, depth)
        finally:
            os.close(handle)

    def _names(self, handle: int, prefix: str) -> list[str]:
        names = []
        try:
            with os.scandir(handle) as found:
                for entry in found:
                    self._count += 1
                    if self._count > MAX_FILES:
                        _reject(
                            f"more than {MAX_FILES:,} files",
                            "Remove what is generated; dependencies are installed anew.",
                        )
                    if not is_left_out(entry.name):
                        names.append(entry.name)
        except OSError as fault:
            raise self._unreadable(prefix, fault) from None
        return sorted(names, key=os.fsencode)

    def _entry(self, folder: int, name: str, path: str, depth: int) -> Iterator[_Entry]:
        """The file called `name`, or the files below it."""
        try:
            # Looked at before it is opened: to open a device can have effects.
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return  # it went while we walked
        except OSError as fault:
            raise self._unreadable(path, fault) from None
        if stat.S_ISDIR(status.st_mode):
            yield from self._folder(self._open(name, folder, path, os.O_DIRECTORY), f"{path}/", depth + 1)
            return
        if not stat.S_ISREG(status.st_mode):
            self._reject_kind(path, status.st_mode)
        # Never waits, whatever was put there in between.
        handle = self._open(name, folder, path, os.O_NONBLOCK | os.O_NOCTTY)
        status = os.fstat(handle)
        self._bytes += status.st_size
        if not stat.S_ISREG(status.st_mode) or self._bytes > MAX_BYTES:
            os.close(handle)
            if self._bytes > MAX_BYTES:
                _reject(f"more than {MAX_BYTES >> 20} MiB of files", "Remove what is generated or downloaded.")
            self._reject_kind(path, status.st_mode)
        yield _Entry(path, status.st_mode, status.st_size, handle)

    def _open(self, name: str, folder: int | None, path: str, flags: int) -> int:
        """Open for reading; a link is never followed, but for the folder that the user named."""
        no_link = 0 if folder is None else os.O_NOFOLLOW
        try:
            return os.open(name, os.O_RDONLY | os.O_CLOEXEC | no_link | flags, dir_fd=folder)
        except OSError as fault:
            if folder is not None and fault.errno in {errno.ELOOP, errno.ENOTDIR, errno.ENXIO}:
                _reject(f"{printable(path)} was changed while it was read", "Hand it in again.")
            raise self._unreadable(path, fault) from None

    def _unreadable(self, path: str, fault: OSError) -> EnvironmentProblem:
        where = f"{self._root}/{path}".rstrip("/")
        return EnvironmentProblem(f"{where} cannot be read: {fault.strerror}.", "Check its permissions.")

    @staticmethod
    def _reject_kind(path: str, mode: int) -> None:
        kind = "a symbolic link" if stat.S_ISLNK(mode) else "a special file"
        _reject(f"{printable(path)} is {kind}", "Only regular files and folders belong in a solution.")


def _copy(entry: _Entry, target: Path) -> bytes:
    """Copy one file, and close it; returns what it adds to the digest."""
    content = hashlib.sha256()
    destination = target / entry.name
    is_program = bool(entry.mode & 0o100)
    try:
        with os.fdopen(entry.handle, "rb") as reader:
            destination.parent.mkdir(parents=True, exist_ok=True)
            with destination.open("xb") as writer:
                left = entry.size
                while left > 0 and (block := reader.read(min(left, 1 << 20))):
                    left -= len(block)
                    content.update(block)
                    writer.write(block)
        destination.chmod(0o755 if is_program else 0o644)
    except OSError as fault:
        action = "Free some room." if fault.errno == errno.ENOSPC else "Check its permissions."
        raise EnvironmentProblem(f"{entry.name} cannot be copied: {fault.strerror}.", action) from None
    return b"%s\0%d\0%s\n" % (os.fsencode(entry.name), is_program, content.digest())


def _reject(got: str, advice: str) -> NoReturn:
    raise NotStarted(Startup(Reason.REJECTED, Failure("a solution of regular files within the limits", got, advice)))
