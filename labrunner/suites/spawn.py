"""The process that holds a grader, started before it is known what it will serve: it imports pytest meanwhile.

Standard library only, so that a command can spawn it first of all.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class Spawned:
    """A process that waits for its order.

    Args:
        is_foreground: whether it shares our terminal.

    Attributes:
        end: our end of the socket to it.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, *, is_foreground: bool = False) -> None:
        self.end, theirs = socket.socketpair()
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._is_foreground = is_foreground
        streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": self._output, "stderr": subprocess.STDOUT}
        terminal = {name: os.environ[name] for name in ("TERM", "COLUMNS", "LINES") if name in os.environ}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-B", "-m", "labrunner.suites.child", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),), start_new_session=not is_foreground, cwd="/",
                env=_ENVIRONMENT | (terminal if is_foreground else {}), **({} if is_foreground else streams),
            )  # fmt: skip
        self._closed = False

    def last_words(self) -> str:
        """The end of what it printed."""
        if self._closed:
            return "it was ended"
        self._output.seek(0)
        return self._output.read()[-LAST_WORDS:].decode("utf-8", "backslashreplace").strip() or "it said nothing"

    def close(self) -> None:
        """End it and its forks, which are in its session: nothing of a grader outlives its run. May be called twice."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(ProcessLookupError):
            if self._is_foreground:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(SAYING_SECONDS)  # pytest has yet to write how it went
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self.end.close()
        self._output.close()


@contextlib.contextmanager
def early() -> Iterator[Spawned]:
    """A process for the run to come; ended at the exit, also when no run came of it."""
    child = Spawned()
    try:
        yield child
    finally:
        child.close()


LAST_WORDS = 2000
SAYING_SECONDS = 5.0
_ENVIRONMENT = {"PATH": os.defpath, "LANG": "C.UTF-8", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
"""All of it; the child adds HOME and TMPDIR when it is told its folder."""
