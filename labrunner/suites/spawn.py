"""The process that holds a grader, started before it is known what it will serve: it imports pytest meanwhile.

Light, so that `lab test` can spawn it before it imports anything else: `subprocess` and `tempfile` would cost 10 ms.
"""

from __future__ import annotations

import contextlib
import os
import signal
import site
import socket
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LAST_WORDS = 2000
SAYING_SECONDS = 5.0
_ENVIRONMENT = {"PATH": os.defpath, "LANG": "C.UTF-8", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
"""All of it; the child adds HOME and TMPDIR when it is told its folder."""
_FOLDER = __file__.rpartition("/")[0]
_FOUND_IN = [
    _FOLDER.removesuffix("/labrunner/suites"),
    *filter(None, [site.USER_SITE] if site.ENABLE_USER_SITE else []),
]
"""Where we were found, and what we need may be. An isolated interpreter does not look there unless it is told."""
_ahead: list[Spawned] = []
"""The process that was spawned ahead, until a command takes it."""


class Spawned:
    """A process that waits for its order.

    Args:
        is_foreground: whether it shares our terminal.

    Attributes:
        end: our end of the socket to it.
        pid: its own, and that of its session unless it shares our terminal.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, *, is_foreground: bool = False) -> None:
        self._is_foreground = is_foreground
        self._output = _nameless_file()
        self._closed = False
        self.end, theirs = socket.socketpair()
        with theirs:
            theirs.set_inheritable(True)
            try:
                self.pid = self._spawn(theirs.fileno())
            except OSError:
                self._release()
                raise

    def _spawn(self, end: int) -> int:
        argv = [sys.executable, "-I", "-B", f"{_FOLDER}/boot.py", str(end), *_FOUND_IN]
        if self._is_foreground:
            terminal = {name: os.environ[name] for name in ("TERM", "COLUMNS", "LINES") if name in os.environ}
            return os.posix_spawn(argv[0], argv, _ENVIRONMENT | terminal)
        streams = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, self._output, 1),
            (os.POSIX_SPAWN_DUP2, self._output, 2),
        ]
        return os.posix_spawn(argv[0], argv, _ENVIRONMENT, file_actions=streams, setsid=True)

    def last_words(self) -> str:
        """The end of what it printed."""
        if self._closed:
            return "it was ended"
        beginning = max(0, os.fstat(self._output).st_size - LAST_WORDS)
        said = os.pread(self._output, LAST_WORDS, beginning)
        return said.decode("utf-8", "backslashreplace").strip() or "it said nothing"

    def close(self) -> None:
        """End it and its forks, which are in its session: nothing of a grader outlives its run. May be called twice."""
        if self._closed:
            return
        self._closed = True
        if not (self._is_foreground and self._ends_by_itself()):
            end = os.kill if self._is_foreground else os.killpg
            with contextlib.suppress(ProcessLookupError):
                end(self.pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):  # buried by the system, where our caller ignores SIGCHLD
                os.waitpid(self.pid, 0)
        self._release()

    def _ends_by_itself(self) -> bool:
        """In the foreground pytest has yet to write how it went."""
        give_up = time.monotonic() + SAYING_SECONDS
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(self.pid, os.WNOHANG)[0] == 0:
                if time.monotonic() > give_up:
                    return False
                time.sleep(0.005)
        return True

    def _release(self) -> None:
        self.end.close()
        os.close(self._output)


def ahead() -> None:
    """Spawn one for the command to come; whoever calls this calls `dismiss` in the end."""
    with contextlib.suppress(OSError):  # the command tries again, and tells
        _ahead.append(Spawned())


@contextlib.contextmanager
def early() -> Iterator[Spawned]:
    """A process for the run to come, the one spawned ahead if there is one; ended at the exit, also when no run came of it."""
    child = _ahead.pop() if _ahead else Spawned()
    try:
        yield child
    finally:
        child.close()


def dismiss() -> None:
    """End what was spawned ahead and no command took: it was mistyped, or found nothing to test."""
    while _ahead:
        _ahead.pop().close()


def _nameless_file() -> int:
    """For what it prints; a pipe would stop it when full."""
    if sys.platform != "linux":
        import tempfile  # noqa: PLC0415 - only where there is no other way

        handle, name = tempfile.mkstemp()
        os.unlink(name)  # noqa: PTH108 - pathlib would be loaded for it
        return handle
    return os.memfd_create("grader's output")
