"""What a service writes, kept with its moment, in bounded memory however much it writes."""

from __future__ import annotations

import array
import fcntl
import os
import re
import select
import termios
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labrunner.rules.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

KEPT_BYTES = 256 * 1024
LINE_BYTES = 2000
LINE_COST = 64
"""Bytes that even an empty line takes, roughly: a flood of them must stay bounded too."""
FIRST_LINES = 6
"""Shown of a longer excerpt: Node and Go say what is wrong first, and then where."""
LAST_LINES = 8
"""Python and most build tools say what is wrong last."""
SETTLE_SECONDS = 0.002
"""Between two looks at what is still to be read."""


_NODES_OWN = re.compile(r"\s+at .*\bnode:")
"""A step of Node's own in a stack trace: a dozen of them hide the learner's one."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line, and when it was read (monotonic seconds)."""

    at: float
    text: str


class Log:
    """Fed by whoever reads what the service writes.

    Args:
        hide: a path that is cut out of what is shown, so that a traceback names the learner's own files.
    """

    def __init__(self, hide: str) -> None:
        self._hide = hide
        self._lines: deque[Line] = deque()
        self._size = 0
        self._rest = b""
        self._read = self._kept = 0
        self._source: int | None = None
        self._lock = threading.Lock()
        self._listeners: list[Callable[[str], None]] = []

    def drain(self, source: int) -> threading.Thread:
        """Feed it from the pipe `source`, in a thread that ends, and closes it, at the pipe's end."""
        self._source = source
        thread = threading.Thread(target=self._drain, args=(source,), name="service-log", daemon=True)
        thread.start()
        return thread

    def between(self, since: float, until: float) -> tuple[str, ...]:
        """The lines that were read in that span, a still unfinished one included; of many those that tell most."""
        with self._lock:
            chosen = [line.text for line in self._lines if since <= line.at <= until]
            if self._rest and until >= time.monotonic():
                chosen.append(self._safe(self._rest))
        return tuple(_excerpt(chosen))

    def follow(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with each line from now on."""
        with self._lock:
            self._listeners.append(listener)

    def feed(self, data: bytes) -> None:
        """Take in what was just read; lines need not be whole."""
        now = time.monotonic()
        *ended, rest = (self._rest + data).split(b"\n")
        if len(rest) > LINE_BYTES:
            ended.append(rest)
            rest = b""
        lines = [Line(now, self._safe(line)) for line in ended]
        with self._lock:  # at once: whoever looks meanwhile must find a line either unfinished or finished
            self._keep(lines)
            self._rest = rest
            self._kept += len(data)
            listeners = tuple(self._listeners)
        for listener in listeners:
            self._tell(listener, lines)

    def settle(self, seconds: float) -> bool:
        """Wait, but not for longer, until what was written to the pipe by now is kept here; whether anything was not yet."""
        give_up = time.monotonic() + seconds
        with self._lock:
            due = self._read + (0 if self._source is None else _unread(self._source))
            is_late = self._kept < due
        while self._kept < due and time.monotonic() < give_up:
            time.sleep(SETTLE_SECONDS)
        return is_late

    def _drain(self, source: int) -> None:
        ready = select.poll()
        ready.register(source, select.POLLIN)
        while True:
            ready.poll()
            with self._lock:  # at once: what is not in the pipe any more is counted
                data = os.read(source, 65536)
                self._read += len(data)
                if not data:
                    self._source = None
            if not data:
                break
            self.feed(data)
        os.close(source)

    def _keep(self, lines: Sequence[Line]) -> None:
        for line in lines:
            self._lines.append(line)
            self._size += len(line.text) + LINE_COST
        while self._size > KEPT_BYTES:
            self._size -= len(self._lines.popleft().text) + LINE_COST

    def _safe(self, line: bytes) -> str:
        text = line[:LINE_BYTES].decode("utf-8", "backslashreplace").rstrip("\r").expandtabs(4)
        cut = f" [... {len(line) - LINE_BYTES:,} more bytes]" if len(line) > LINE_BYTES else ""
        return printable(text.replace(self._hide, "")) + cut

    def _tell(self, listener: Callable[[str], None], lines: Sequence[Line]) -> None:
        try:
            for line in lines:
                listener(line.text)
        except Exception:  # noqa: BLE001 - whatever it has: the service must not wait for a reader who is gone
            with self._lock:
                self._listeners.remove(listener)


def _unread(pipe: int) -> int:
    waiting = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, waiting)
    return waiting[0]


def _excerpt(lines: list[str]) -> list[str]:
    """`lines` when they are few; else what tells most: first not the empty ones and Node's own, then not the middle."""
    if len(lines) > FIRST_LINES + LAST_LINES:
        lines = [line for line in lines if line.strip() and not _NODES_OWN.match(line)]
    left_out = len(lines) - FIRST_LINES - LAST_LINES
    if left_out <= 1:
        return lines
    return [*lines[:FIRST_LINES], f"... {left_out:,} more lines ...", *lines[-LAST_LINES:]]
