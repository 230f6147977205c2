"""Files by name: each state appears as a whole, at one moment.

On disk a file is called after the hash of its name, so that no name can lead anywhere else, however it is written. A
new state is written beside the old one and then takes its place: a rename is one step, also for a reader and for a
crash.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

MOST_KNOWN = 128


@dataclass(frozen=True)
class File:
    """One state of one file."""

    body: bytes
    modified: int

    @property
    def tag(self) -> str:
        """A strong entity tag: the same bytes have the same, other bytes another."""
        return f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'

    @property
    def last_modified(self) -> str:
        """As a field's value."""
        return formatdate(self.modified, usegmt=True)


class Store:
    """The files below one folder."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lock = threading.Lock()
        self.numbers = itertools.count()
        self.known = [path for path in self.folder.iterdir() if not path.name.startswith("new-")]

    def read(self, name: bytes) -> File | None:
        """The file as it is now; None when there is none."""
        try:
            descriptor = os.open(self.path(name), os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return None
        with os.fdopen(descriptor, "rb") as file:  # what is open stays as it is, whatever takes its name
            return File(file.read(), int(os.fstat(descriptor).st_mtime))

    def write(self, name: bytes, body: bytes, allows: Callable[[File | None], bool]) -> bool | None:
        """Put `body` in its place; whether it is new, or None when `allows` refuses to replace the old state."""
        fresh = self.folder / f"new-{os.getpid()}-{next(self.numbers)}"
        fresh.write_bytes(body)
        with self.lock:
            old = self.read(name)
            if not allows(old):
                fresh.unlink()
                return None
            fresh.replace(self.path(name))
            if old is None:
                self.known.append(self.path(name))
            if len(self.known) > MOST_KNOWN:
                with contextlib.suppress(FileNotFoundError):
                    self.known.pop(0).unlink()
            return old is None

    def delete(self, name: bytes) -> bool:
        """Whether there was one."""
        with self.lock:
            try:
                self.path(name).unlink()
            except FileNotFoundError:
                return False
            return True

    def path(self, name: bytes) -> Path:
        """Where it lies."""
        return self.folder / hashlib.sha256(name).hexdigest()
