"""The runner's end of a suite."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labrunner.model.outcome import Attempt, Sight
from labrunner.ports.runtime import NotStarted
from labrunner.ports.suite import SuiteBroken
from labrunner.rules import wire
from labrunner.suites.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from labrunner.ports.suite import Bench

LOADING_SECONDS = 60.0
HANGING_SECONDS = 120.0
"""A check that says nothing for so long hangs; no honest one comes near it."""


@dataclass(frozen=True, slots=True)
class _Final:
    """A fork's last line."""

    attempt: Attempt


class PytestSuite:
    """Satisfies `labrunner.ports.Suite`.

    Args:
        grader: the lab's folder below ``graders/``.
        seed: of the run.
        work: a private folder for what pytest wants to write.
        with_checks: False when only the environment is wanted.
    """

    def __init__(self, grader: Path, seed: str, work: Path, *, with_checks: bool = True) -> None:
        ours, theirs = socket.socketpair()
        self._channel = Channel(ours)
        self._sending = threading.Lock()
        self._told: dict[str, Any] = {}
        work.mkdir(parents=True, exist_ok=True)
        self._output = (work / "suite.log").open("wb+")
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-B", "-m", "labrunner.suites.child",
                 str(theirs.fileno())],
                stdin=subprocess.DEVNULL, stdout=self._output, stderr=subprocess.STDOUT, pass_fds=(theirs.fileno(),),
                start_new_session=True, cwd=work, env=_environment(work),
            )  # fmt: skip
        self._channel.send({"grader": str(grader), "seed": seed, "work": str(work), "checks": with_checks})
        self._channel.settimeout(LOADING_SECONDS)
        self._lines = self._channel.lines()
        self._closed = False

    def environment(self) -> dict[str, str]:
        return dict(self._wait_for("environment"))

    def load_environment(self) -> dict[str, str]:
        return dict(self._wait_for("load_environment"))

    def checks(self) -> tuple[str, ...]:
        return tuple(self._wait_for("collected"))

    def _wait_for(self, key: str) -> Any:
        while key not in self._told:
            if "broken" in self._told:
                raise SuiteBroken(self._told["broken"])
            try:
                line = next(self._lines, None)
            except TimeoutError:
                raise SuiteBroken(f"the grader was not loaded within {LOADING_SECONDS:.0f} s") from None
            if line is None:
                raise SuiteBroken(f"the grader's process died while loading: {self._last_words()}")
            self._told |= wire.decode(line, dict)
        return self._told[key]

    def _last_words(self) -> str:
        if self._closed:
            return "it was ended"
        self._output.seek(0)
        return self._output.read()[-2000:].decode("utf-8", "backslashreplace").strip() or "it said nothing"

    def run(self, check: str, *, attempt: int, service: Mapping[str, Any], bench: Bench) -> Attempt:
        began = time.monotonic()
        ours, theirs = socket.socketpair()
        with ours:
            with theirs, self._sending:
                try:
                    self._channel.send({"run": check, "attempt": attempt, "service": dict(service)}, theirs.fileno())
                except OSError:
                    return _errored(began, f"the grader's process is gone: {self._last_words()}")
            return _Conversation(Channel(ours), bench).hold(began)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        # The forks are in the child's session; nothing of a grader outlives its run.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._channel.close()
        self._output.close()


class _Conversation:
    """With the fork of one try: serves what it asks for until its verdict."""

    def __init__(self, channel: Channel, bench: Bench) -> None:
        self._channel = channel
        self._bench = bench
        self._pid: int | None = None

    def hold(self, began: float) -> Attempt:
        self._channel.settimeout(HANGING_SECONDS)
        try:
            for line in self._channel.lines():
                told: dict[str, Any] = wire.decode(line, dict)
                if "attempt" in told:
                    return wire.decode(line, _Final).attempt
                if "call" in told:
                    self._channel.send(self._answer(told["call"], told["arguments"]))
                else:
                    self._pid = told["pid"]
        except TimeoutError:
            self._kill()
            return _errored(began, f"the check hung: nothing was heard of it for {HANGING_SECONDS:.0f} s")
        except OSError as fault:
            return _errored(began, f"the check's process broke off: {fault}")
        return _errored(began, "the check's process died without a verdict")

    def _answer(self, action: str, arguments: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._bench.call(action, arguments)
        except NotStarted as refusal:
            return {"not_started": _told(refusal)}
        except Exception as fault:  # noqa: BLE001 - told to the check, which then is errored with this text
            return {"error": f"{type(fault).__name__}: {fault}"}

    def _kill(self) -> None:
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)


def _environment(work: Path) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "HOME": str(work),
        "LANG": "C.UTF-8",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "TMPDIR": str(work),
    }


def _told(refusal: NotStarted) -> dict[str, Any]:
    failure = refusal.startup.failure
    return {
        "reason": refusal.startup.reason,
        "deadline": refusal.deadline,
        "expected": failure.expected,
        "got": failure.got,
        "why": failure.why,
        "log": failure.log,
    }


def _errored(began: float, note: str) -> Attempt:
    return Attempt(Sight.ERRORED, began, time.monotonic(), note=note)
