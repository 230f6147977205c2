"""The processes that hold a grader: a child of ours, or a fork of a child that is kept. How they start, speak and end."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING, Any

from labrunner.ports.suite import SuiteBroken
from labrunner.rules import wire
from labrunner.suites.channel import Channel
from labrunner.suites.spawn import LAST_WORDS, Spawned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LOADING_SECONDS = 60.0
_DYING_SECONDS = 5.0


def next_line(lines: Iterator[bytes], last_words: Callable[[], str]) -> dict[str, Any]:
    """What a grader's process says next.

    Raises:
        SuiteBroken: nothing, for too long or for ever.
    """
    try:
        line = next(lines, None)
    except TimeoutError:
        raise SuiteBroken(f"the grader was not loaded within {LOADING_SECONDS:.0f} s") from None
    if line is None:
        raise SuiteBroken(f"the grader's process died while loading: {last_words()}")
    told: dict[str, Any] = wire.decode(line, dict)
    return told


def gone(last_words: str) -> SuiteBroken:
    """What there is to say of a grader's process that takes no more orders."""
    return SuiteBroken(f"the grader's process is gone: {last_words}")


class Child:
    """A process of its own.

    Args:
        order: its first line.
        early: one that waits for its order; None to start one.
        is_foreground: whether it shares our terminal.

    Raises:
        SuiteBroken: it ended before its order came.
    """

    def __init__(self, order: dict[str, Any], *, early: Spawned | None = None, is_foreground: bool = False) -> None:
        self._process = early or Spawned(is_foreground=is_foreground)
        self.channel = Channel(self._process.end)
        try:
            self.channel.send(order)
        except OSError:
            broken = gone(self.last_words())
            self.close()
            raise broken from None

    def last_words(self) -> str:
        """The end of what it wrote."""
        return self._process.last_words()

    def close(self) -> None:
        """End it and its forks."""
        self._process.close()


class Fork:
    """A fork of a kept child; it says its pid first."""

    def __init__(self, channel: Channel, work: Path) -> None:
        self.channel = channel
        self._log = work / "suite.log"
        channel.settimeout(LOADING_SECONDS)
        self._pid: int = next_line(channel.lines(), self.last_words)["pid"]

    def last_words(self) -> str:
        """The end of what it wrote."""
        return _end_of(self._log)

    def close(self) -> None:
        """End it and its forks; its parent is not ours, so its going is seen by its group's."""
        give_up = time.monotonic() + _DYING_SECONDS
        with contextlib.suppress(ProcessLookupError):
            while time.monotonic() < give_up:
                os.killpg(self._pid, signal.SIGKILL)
                time.sleep(0.001)
        self.channel.close()


def _end_of(log: Path) -> str:
    with contextlib.suppress(OSError):
        if said := log.read_bytes()[-LAST_WORDS:].decode("utf-8", "backslashreplace").strip():
            return said
    return "it said nothing"
