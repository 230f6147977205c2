"""One load measurement at a time on a machine, whoever runs it: two at once would measure each other."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import TYPE_CHECKING

from labrunner.errors import EnvironmentProblem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATH = "/tmp/labrunner-load.lock"  # noqa: S108 - one place for all users of the machine; it holds nothing
PATIENCE = 900.0
"""Seconds; a measurement takes at most a minute, and there may be some in line."""
_POLL = 0.1


@contextlib.contextmanager
def exclusive(waiting: Callable[[], None], *, path: str = PATH, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the machine; the kernel lets go of it when this process ends, however it does.

    Args:
        waiting: called again and again while somebody else holds it; what it raises ends the waiting.
        path: of the lock.
        patience: seconds.

    Raises:
        EnvironmentProblem: it cannot be had.
    """
    descriptor = _open(path)
    try:
        _lock(descriptor, waiting, time.monotonic() + patience)
        yield
    finally:
        os.close(descriptor)


def _open(path: str) -> int:
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        # Without O_CREAT first: with it the kernel refuses another user's file in a sticky directory.
        return os.open(path, flags)
    except FileNotFoundError:
        descriptor = os.open(path, flags | os.O_CREAT, 0o666)
        with contextlib.suppress(OSError):
            os.fchmod(descriptor, 0o666)
        return descriptor
    except OSError as fault:
        raise EnvironmentProblem(
            f"The lock of load measurements, {path}, cannot be opened: {fault.strerror}.", "Remove that file."
        ) from None


def _lock(descriptor: int, waiting: Callable[[], None], give_up: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            if time.monotonic() > give_up:
                raise EnvironmentProblem(
                    "Another load measurement has kept this machine for too long.", "Try again when it is over."
                ) from None
            time.sleep(_POLL)
        else:
            return
