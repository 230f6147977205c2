"""The load generator as a child process of this machine."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from labrunner.ports.pipe import LoadBroken

if TYPE_CHECKING:
    from pathlib import Path

END_SECONDS = 5.0


class ProcessGenerator:
    """Satisfies `labrunner.ports.Pipe`. The end of its input ends it, so it does not outlive the runner.

    Args:
        boot: the program.
        cpus: which it may use; None for any.
        work: a private folder of this run.
    """

    def __init__(self, boot: str, cpus: tuple[int, ...] | None, work: Path) -> None:
        work.mkdir(parents=True, exist_ok=True)
        self._log = (work / "generator.log").open("wb+")
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-B", "-u", "-c", boot],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, start_new_session=True, cwd=work,
            env={"PATH": os.defpath, "HOME": str(work), "LANG": "C.UTF-8", "TMPDIR": str(work)},
        )  # fmt: skip
        if cpus is not None:
            with contextlib.suppress(OSError):  # it may have ended already; that is told by `receive`
                os.sched_setaffinity(self._process.pid, cpus)
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name="generator", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                self._lines.put(line)
        self._lines.put(b"")

    def send(self, data: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except (OSError, ValueError):  # its end, or ours, is closed
            raise LoadBroken(f"the load generator ended: {self._last_words()}") from None

    def receive(self, seconds: float) -> bytes:
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            raise LoadBroken(f"the load generator said nothing for {seconds:.0f} s") from None
        if not line:
            raise LoadBroken(f"the load generator ended: {self._last_words()}")
        return line

    def _last_words(self) -> str:
        if self._log.closed:
            return "it was told to"
        self._log.seek(0)
        return self._log.read()[-2000:].decode("utf-8", "backslashreplace").strip() or "it said nothing"

    def close(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(END_SECONDS)
        self._log.close()
