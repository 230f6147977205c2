"""The runner's end of a suite."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labrunner.model.effort import Effort
from labrunner.model.outcome import Attempt, Sight
from labrunner.ports.runtime import NotStarted
from labrunner.ports.suite import SuiteBroken
from labrunner.ports.target import CannotTell
from labrunner.rules import wire
from labrunner.suites.channel import Channel
from labrunner.suites.processes import LOADING_SECONDS, Child, gone, next_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labrunner.ports.suite import Bench
    from labrunner.suites.kept import KeptGrader
    from labrunner.suites.processes import Fork
    from labrunner.suites.spawn import Spawned

HANGING_SECONDS = 120.0
"""A check that says nothing for so long hangs; no honest one comes near it."""


@dataclass(frozen=True, slots=True)
class _Final:
    """A fork's last line."""

    attempt: Attempt


class PytestSuite:
    """Satisfies `labrunner.ports.Suite`.

    Args:
        grader: the lab's folder below ``graders/``, or several: those of a pack that extends the lab come after it.
        seed: of the run.
        work: a private folder for what pytest wants to write.
        with_checks: False when only the environment is wanted.
        stages: slugs of those whose files are loaded; None for all.
        kept: a child that holds these graders already; a fork of it serves the run.
        early: a process that waits for its order; None to start one.
        patience: seconds after which a check that says nothing hangs.
        foreground: pytest's own further options, to run one check on this terminal; None for the usual silence.
        effort: how hard its checks look.
    """

    def __init__(  # noqa: PLR0913 - each keyword is one caller's way to get a process
        self,
        grader: Path | tuple[Path, ...],
        seed: str,
        work: Path,
        *,
        with_checks: bool = True,
        stages: tuple[str, ...] | None = None,
        kept: KeptGrader | None = None,
        early: Spawned | None = None,
        patience: float = HANGING_SECONDS,
        foreground: tuple[str, ...] | None = None,
        effort: Effort = Effort.BRISK,
    ) -> None:
        graders = (grader,) if isinstance(grader, Path) else grader
        self._sending = threading.Lock()
        self._patience = patience
        self._is_foreground = foreground is not None
        self._effort = effort
        self._seen: Attempt | None = None
        self._told: dict[str, Any] = {}
        self._closed = False
        work.mkdir(parents=True, exist_ok=True)
        if kept is not None:
            self._child: Child | Fork = kept.fork(seed, work)
        else:
            order = {
                "graders": [str(folder) for folder in graders],
                "seed": seed,
                "work": str(work),
                "checks": with_checks,
                "kept": False,
                "stages": stages,
                "foreground": foreground,
            }
            self._child = Child(order, early=early, is_foreground=foreground is not None)
        self._channel = self._child.channel
        self._channel.settimeout(LOADING_SECONDS)
        self._lines = self._channel.lines()

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
            self._told |= next_line(self._lines, self._child.last_words)
        return self._told[key]

    def run(self, check: str, *, attempt: int, service: Mapping[str, Any], bench: Bench) -> Attempt:
        if self._is_foreground:
            return self._run_here(check, service, bench)
        began = time.monotonic()
        ours, theirs = socket.socketpair()
        with ours:
            with theirs, self._sending:
                try:
                    self._channel.send(self._order(check, attempt, service), theirs.fileno())
                except OSError:
                    return _errored(began, str(gone(self._child.last_words())))
            return _Conversation(Channel(ours), bench, self._patience).hold(began)

    def _run_here(self, check: str, service: Mapping[str, Any], bench: Bench) -> Attempt:
        """The check on this terminal, once: whoever asks again is told the same."""
        if self._seen is None:
            try:
                self._channel.send(self._order(check, 0, service))
            except OSError:
                raise gone(self._child.last_words()) from None
            self._seen = _Conversation(self._channel, bench, None).hold(time.monotonic())
        return self._seen

    def _order(self, check: str, attempt: int, service: Mapping[str, Any]) -> dict[str, Any]:
        return {"run": check, "attempt": attempt, "service": dict(service), "effort": self._effort}

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._child.close()


class _Conversation:
    """With the fork of one try: serves what it asks for until its verdict."""

    def __init__(self, channel: Channel, bench: Bench, patience: float | None) -> None:
        self._channel = channel
        self._bench = bench
        self._patience = patience
        self._pid: int | None = None

    def hold(self, began: float) -> Attempt:
        self._channel.settimeout(self._patience)
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
            return _errored(began, f"the check hung: nothing was heard of it for {self._patience:.0f} s")
        except OSError as fault:
            return _errored(began, f"the check's process broke off: {fault}")
        return _errored(began, "the check's process died without a verdict")

    def _answer(self, action: str, arguments: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._bench.call(action, arguments)
        except NotStarted as refusal:
            return {"not_started": _told(refusal)}
        except CannotTell as fault:
            return {"undecided": str(fault)}
        except Exception as fault:  # noqa: BLE001 - told to the check, which then is errored with this text
            return {"error": f"{type(fault).__name__}: {fault}"}

    def _kill(self) -> None:
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)


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
