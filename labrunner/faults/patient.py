"""One target of faults, and what it suffers just now."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from labrunner.faults.fault import Cut, Delay, Fault, HalfOpen, Pause
from labrunner.ports.target import CannotBeDone, CannotTell

if TYPE_CHECKING:
    from labrunner.ports.companion import Companion
    from labrunner.ports.target import Target

CONFIRMING_SECONDS = 0.1
"""So long must what is cut off be silent before that is believed."""
PATIENCE, MOST_PATIENCE = 0.25, 4.0
"""Seconds for one round trip while a target's return is waited for: one that was lost is asked for again. Each time they are twice as
many, up to the second: on a busy machine nobody answers in a quarter of a second, and who is asked anew is busier still."""
PAUSE_SECONDS = 0.005


class NotBack(CannotTell):
    """A target was healed, but completes no round trip.

    Attributes:
        seconds: so long was it waited for.
    """

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(f"'{name}' was healed, but answered nothing for {seconds:.0f} s")
        self.seconds = seconds


class Patient:
    """Suffers one fault at a time (contract C-13).

    Args:
        target: what is hurt.
        proxy: the fault proxy before it, if there is one; then others know the target by the proxy's address.
    """

    def __init__(self, target: Target, proxy: Companion | None = None) -> None:
        self.target = target
        self.proxy = proxy
        self._fault: Fault | None = None
        self._timer: threading.Timer | None = None
        self._lock = threading.RLock()

    def answers(self, timeout: float) -> bool:
        """Whether it completes a round trip with the runner now, on the way that others take to it."""
        return (self.proxy or self.target).answers(timeout)

    def suffer(self, fault: Fault) -> None:
        """Begin; returns when the fault is confirmed.

        Raises:
            CannotBeDone: it suffers already, or the fault takes a proxy that it has not.
            EnvironmentProblem: the fault cannot be confirmed.
        """
        with self._lock:
            if self._fault is not None:
                raise CannotBeDone(f"'{self.target.name}' suffers already: {self._fault}; one fault at a time")
            self._fault = fault
            self._timer = threading.Timer(fault.longest, self._expire)
            self._timer.daemon = True
            self._timer.start()
            try:
                self._begin(fault)
            except BaseException:
                self._undo()
                raise

    def _begin(self, fault: Fault) -> None:
        match fault:
            case Pause():
                self.target.pause()  # confirmed by the runtime, which sees the processes
            case Cut():
                if self.proxy is None:
                    self.target.cut()
                else:
                    self.proxy.control("POST", "/cut")
                self._must_be_silent()
            case Delay(seconds=seconds):
                self._needed_proxy().control("POST", "/delay", {"ms": round(seconds * 1000)})
                began = time.monotonic()
                if self.answers(2 * seconds + 5.0) and time.monotonic() - began < seconds:
                    raise CannotBeDone(f"'{self.target.name}' was to answer later, but does not")
            case HalfOpen(lost=lost):
                self._needed_proxy().control("POST", "/lose", {"direction": lost.value})
                self._must_be_silent()

    def _needed_proxy(self) -> Companion:
        if self.proxy is None:
            raise CannotBeDone(f"'{self.target.name}' was not started with behind_proxy=True, which that takes")
        return self.proxy

    def _must_be_silent(self) -> None:
        if self.answers(CONFIRMING_SECONDS):
            raise CannotBeDone(f"'{self.target.name}' was to be silent, but answers")

    def reset(self) -> int:
        """Break every open connection with a reset; returns how many there were. Takes a proxy."""
        told: int = self._needed_proxy().control("POST", "/reset")["connections"]
        return told

    def kill(self) -> None:
        """SIGKILL to every process of it at once. What else it suffers is over."""
        with self._lock:
            self.target.kill()
            if isinstance(self._fault, Pause):
                self._forget()

    def heal(self, within: float) -> float:
        """Undo what it suffers; returns the monotonic moment when it is *back* (contract C-15).

        Raises:
            NotBack: it completes no round trip within so many seconds.
        """
        self._undo()
        return self.wait_back(within)

    def wait_back(self, within: float) -> float:
        """The moment when the runner itself has completed a round trip with it; raises like `heal`."""
        give_up, patience = time.monotonic() + within, PATIENCE
        asked = time.monotonic()
        while not self.answers(patience):
            if (now := time.monotonic()) > give_up:
                raise NotBack(self.target.name, within)
            # A refusal comes at once, and says nothing of how long an answer takes.
            patience = min(2 * patience, MOST_PATIENCE) if now - asked >= patience else patience
            time.sleep(PAUSE_SECONDS)
            asked = time.monotonic()
        return time.monotonic()

    def _expire(self) -> None:
        """Nobody has ended the fault in time; where the target is gone by now, so is the fault."""
        with contextlib.suppress(Exception):
            self._undo()

    def _undo(self) -> None:
        with self._lock:
            fault = self._fault
            self._forget()
            match fault:
                case Pause():
                    self.target.resume()
                case Cut() if self.proxy is not None:
                    self.proxy.control("POST", "/mend")
                case Cut():
                    self.target.mend()
                case Delay() if self.proxy is not None:
                    self.proxy.control("POST", "/delay", {"ms": 0})
                case HalfOpen() if self.proxy is not None:
                    self.proxy.control("POST", "/lose", {"direction": ""})
                case _:
                    pass

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._fault = self._timer = None

    def close(self) -> None:
        """End it, whatever it suffers, and the proxy before it."""
        with self._lock:
            self._forget()
        self.target.close()
        if self.proxy is not None:
            self.proxy.close()
