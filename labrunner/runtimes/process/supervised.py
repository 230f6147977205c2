"""The runner's end of a supervisor: commands down, events up."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from labrunner.errors import EnvironmentProblem

SCRIPT = Path(__file__).with_name("supervisor.py")
ANSWER_SECONDS = 30.0


class SupervisorGone(EnvironmentProblem):
    """The supervisor itself died or does not answer: the machine's fault, not the service's."""


class Supervised:
    """A supervisor process, and what it has told so far. Its service is started by `start`.

    To make one costs its caller a fork; that it is awake is waited for by the first command.

    Attributes:
        log: read end of the pipe that the service writes to.
    """

    def __init__(self) -> None:
        events_read, events_write = os.pipe()
        self.log, log_write = os.pipe()
        # The supervisor gets a session of its own: the terminal's Ctrl-C is for the runner alone.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(SCRIPT), str(events_write), str(log_write)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(events_write, log_write),
            start_new_session=True,
            cwd="/",
            env={},
        )
        os.close(events_write)
        os.close(log_write)
        self._news = threading.Condition()
        self._events: list[dict[str, Any]] = []
        self._gone = False
        self._hung_up = False
        self._main: int | None = None
        self._exit: int | None = None
        self.exited_at = 0.0
        self._commanding = threading.Lock()
        threading.Thread(target=self._listen, args=(events_read,), name="supervisor-events", daemon=True).start()

    @property
    def pid(self) -> int:
        """Of the supervisor; the service's processes are below it."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How the service's first process ended, negative for a signal; None while it lives or before its start.

        Raises:
            SupervisorGone: nobody can know any more.
        """
        self._refuse_when_gone()
        return self._exit

    def look(self) -> int | None:
        """`exit_code`, surely of this moment: what ended before this call is known after it."""
        if self.exit_code is None:
            self.command("look")
        return self.exit_code

    def start(self, **command: Any) -> str:
        """Start the service (``argv``, ``env``, ``cwd``, ``limits``, ``user``; ``cpus`` that it may use, or any).

        Returns:
            Why that was impossible, or nothing.
        """
        event = self._command({"do": "start", "cpus": None, **command}, {"started", "not-started"})
        return str(event.get("why", ""))

    def command(self, name: str) -> int:
        """Carry out ``kill``, ``pause``, ``resume`` or ``term``; returns how many processes did not obey."""
        return int(self._command({"do": name}, {"done"})["left"])

    def wait_exit(self, seconds: float) -> int | None:
        """The exit code as soon as there is one, or None when the time is over; raises like `exit_code`."""
        with self._news:
            self._news.wait_for(lambda: self._exit is not None or self._gone, seconds)
        self._refuse_when_gone()
        return self._exit

    def hang_up(self) -> None:
        """Tell it to end with everything below it; `close` waits for that."""
        self._hung_up = True
        with contextlib.suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()

    def close(self) -> None:
        """End it, and with it everything below."""
        self.hang_up()
        with self._news:
            # It alone holds the pipe of its news, whose end is its own: to wait for the process itself, with a time-out,
            # would be to look for it in ever longer steps.
            if not self._news.wait_for(lambda: self._gone, ANSWER_SECONDS):
                self._process.kill()
        self._process.wait()

    def _command(self, command: dict[str, Any], answers: set[str]) -> dict[str, Any]:
        with self._commanding:
            self._events.clear()
            assert self._process.stdin is not None
            try:
                self._process.stdin.write(json.dumps(command).encode() + b"\n")
                self._process.stdin.flush()
            except (OSError, ValueError) as fault:  # ValueError once we have hung up
                why = getattr(fault, "strerror", None) or fault
                raise SupervisorGone(f"The supervisor of a service is gone: {why}.", "Try again.") from None
            with self._news:
                answered = self._news.wait_for(lambda: self._answer(answers) or self._gone, ANSWER_SECONDS)
                event = self._answer(answers)
            if not answered or event is None:
                raise SupervisorGone("The supervisor of a service is gone or does not answer.", "Try again.")
            return event

    def _refuse_when_gone(self) -> None:
        if self._gone and self._exit is None and not self._hung_up:
            raise SupervisorGone("The supervisor of a service was ended by somebody else.", "Try again.")

    def _answer(self, answers: set[str]) -> dict[str, Any] | None:
        return next((event for event in self._events if event["event"] in answers), None)

    def _listen(self, source: int) -> None:
        with os.fdopen(source, "rb") as events:
            for line in events:
                event = json.loads(line)
                with self._news:
                    if event["event"] == "started":
                        self._main, self._exit = event["pid"], None
                    # News of an earlier process may come late; it says nothing of this one.
                    if event["event"] == "exit" and event["pid"] == self._main:
                        self._exit = event["code"]
                        self.exited_at = time.monotonic()
                    self._events.append(event)
                    self._news.notify_all()
        with self._news:
            self._gone = True
            self._news.notify_all()
