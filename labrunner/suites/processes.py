"""The processes that hold a grader: a child of ours, or a fork of a child that is kept. How they start, speak and end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from labrunner.ports.suite import SuiteBroken
from labrunner.rules import wire
from labrunner.suites.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LOADING_SECONDS = 60.0
LAST_WORDS = 2000
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


class Child:
    """A process of its own.

    Args:
        order: its first line.
        work: its folder.
        is_foreground: whether it shares our terminal.
    """

    def __init__(self, order: dict[str, Any], work: Path, *, is_foreground: bool = False) -> None:
        ours, theirs = socket.socketpair()
        self.channel = Channel(ours)
        self._log = work / "suite.log"
        self._is_foreground = is_foreground
        with theirs, self._log.open("wb") as log:
            quiet: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-B", "-m", "labrunner.suites.child", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),), start_new_session=not is_foreground, cwd=work,
                env=_environment(work, is_foreground=is_foreground), **({} if is_foreground else quiet),
            )  # fmt: skip
        self.channel.send(order)

    def last_words(self) -> str:
        """The end of what it wrote."""
        return _end_of(self._log)

    def close(self) -> None:
        """End it and its forks, which are in its session: nothing of a grader outlives its run."""
        with contextlib.suppress(ProcessLookupError):
            if self._is_foreground:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(_DYING_SECONDS)  # pytest has yet to write how it went
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self.channel.close()


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


def _environment(work: Path, *, is_foreground: bool) -> dict[str, str]:
    terminal = {name: os.environ[name] for name in ("TERM", "COLUMNS", "LINES") if name in os.environ}
    return {
        **(terminal if is_foreground else {}),
        "PATH": os.defpath,
        "HOME": str(work),
        "LANG": "C.UTF-8",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "TMPDIR": str(work),
    }
