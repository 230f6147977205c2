"""Locks of keys, within this router: whoever writes a key or moves it holds its lock."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator

LOOK_EVERY = 0.05


class Busy(Exception):
    """Others held the key for too long."""


class KeyLocks:
    """A lock for each key that somebody wants."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[str, tuple[threading.Lock, int]] = {}
        self._holders: set[object] = set()

    @contextlib.contextmanager
    def hold(self, keys: Iterable[str], deadline: float, look: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Hold all of them, taken in order, so that nobody waits in a circle.

        `look` is called now and then while waiting, and may raise what ends it.
        """
        holder = object()
        with contextlib.ExitStack() as held:
            for key in sorted(set(keys)):
                lock = self._wanted(key)
                held.callback(self._unwanted, key)
                while not lock.acquire(timeout=LOOK_EVERY):
                    look()
                    if time.monotonic() > deadline:
                        raise Busy
                held.callback(lock.release)
            with self._guard:
                self._holders.add(holder)
            held.callback(self._forget, holder)
            yield

    def wait_for_holders(self) -> None:
        """Until everybody who holds a lock now has let it go."""
        with self._guard:
            now = set(self._holders)
        while now & self._holders:
            time.sleep(0.005)

    def _wanted(self, key: str) -> threading.Lock:
        with self._guard:
            lock, users = self._locks.get(key) or (threading.Lock(), 0)
            self._locks[key] = lock, users + 1
            return lock

    def _unwanted(self, key: str) -> None:
        with self._guard:
            lock, users = self._locks[key]
            if users == 1:
                del self._locks[key]
            else:
                self._locks[key] = lock, users - 1

    def _forget(self, holder: object) -> None:
        with self._guard:
            self._holders.discard(holder)
