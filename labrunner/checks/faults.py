"""What services and companions can be made to suffer, in a check's words.

    redis.kill()                    # SIGKILL; nothing is left of it
    redis.restart()                 # and it is back: `redis.back_at`
    with redis.paused():            # confirmed before the block begins
        ...
    redis.back_at                   # the moment when the runner itself had completed a round trip again (C-15)
    fault = redis.cut()             # without a block: ends with `fault.undo()`, or with the check
    with redis.delayed(80): ...     # milliseconds; takes `behind_proxy=True`, as do the two below
    with redis.half_open("answers"): ...
    redis.reset_connections()

A fault is over when its block is left, however it is left; when the check ends, however it ends; and after half a
minute at the latest.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal, Self

from labrunner.checks.diary import DIARY
from labrunner.checks.verdicts import Exceeded, Failed
from labrunner.model.outcome import Failure
from labrunner.model.status import Reason

if TYPE_CHECKING:
    from types import TracebackType

    from labrunner.ports.suite import Bench


class Suffering:
    """A fault that a target suffers; use it in a ``with``, or end it by `undo`.

    Attributes:
        since: monotonic moment at which the fault was confirmed.
    """

    def __init__(self, target: Hurtable) -> None:
        self._target = target
        self._is_over = False
        self.since = time.monotonic()

    def undo(self) -> float:
        """End it; returns the moment when the target was back. May be called twice."""
        if not self._is_over:
            self._is_over = True
            self._target.heal()
        return self._target.back_at

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.undo()


class Hurtable:
    """What a check started for itself, and may hurt.

    Attributes:
        name: what failures call it.
        back_at: monotonic moment when the runner last completed a round trip with it after a fault or a restart.
    """

    def __init__(self, bench: Bench, name: str) -> None:
        self._bench = bench
        self.name = name
        self.back_at = time.monotonic()

    def kill(self) -> None:
        """SIGKILL to every process of it at once; returns when none is left."""
        self._do("kill")

    def restart(self) -> float:
        """Start it again at the same address after `kill` or `stop`, and wait until it is ready; returns `back_at`."""
        self.back_at = self._do("restart")["back_at"]
        return self.back_at

    def pause(self) -> Suffering:
        """Stop every process of it; returns when that is confirmed. Connections stay open and silent."""
        return self._suffer("pause")

    def paused(self) -> Suffering:
        """`pause`, for a ``with``."""
        return self._suffer("pause")

    def resume(self) -> float:
        """Undo `pause`; returns `back_at`."""
        return self.heal()

    def cut(self) -> Suffering:
        """No byte passes either way: connections are silent, refused or reset. Returns when that is confirmed."""
        return self._suffer("cut")

    def delayed(self, ms: float) -> Suffering:
        """Every byte arrives so many milliseconds later, both ways. Takes a proxy."""
        return self._suffer("delay", seconds=ms / 1000)

    def half_open(self, lost: Literal["answers", "requests"]) -> Suffering:
        """What goes one way is lost, the other way passes. Takes a proxy."""
        return self._suffer("lose", direction=lost)

    def reset_connections(self) -> int:
        """Break every open connection with a reset; returns how many there were. Takes a proxy."""
        told: int = self._do("reset")["connections"]
        return told

    def heal(self) -> float:
        """Undo whatever it suffers; returns `back_at`."""
        self.back_at = self._do("heal")["back_at"]
        return self.back_at

    def _suffer(self, action: str, **arguments: Any) -> Suffering:
        self._do(action, **arguments)
        return Suffering(self)

    def _do(self, action: str, **arguments: Any) -> dict[str, Any]:
        return timed_call(self._bench, action, {"service": self.name, **arguments})


def timed_call(bench: Bench, action: str, arguments: dict[str, Any], *, is_declared: bool = False) -> dict[str, Any]:
    """Ask the runner; ends the check when a service of the learner's is at fault.

    Args:
        bench: the channel to it.
        action: what is asked for.
        arguments: of the action.
        is_declared: the time is a declared wait, not the service's own.
    """
    began = time.monotonic()
    try:
        told = bench.call(action, arguments)
    finally:
        note = DIARY.note_wait if is_declared else DIARY.note_service
        note(time.monotonic() - began)
    if refusal := told.get("not_started"):
        failure = Failure(refusal["expected"], refusal["got"], refusal["why"], log=tuple(refusal["log"]))
        reason = Reason(refusal["reason"])
        if refusal["deadline"] is not None:
            raise Exceeded(failure, refusal["deadline"], reason)
        raise Failed(failure, reason)
    return told


def note_recovery(seconds: float) -> None:
    """Note how long the service took to serve as it should after a fault was over; the report shows the longest.

    Args:
        seconds: from the moment when the target was back (`Hurtable.back_at`) to the first right answer.
    """
    DIARY.note_recovery(seconds)
