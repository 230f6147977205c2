"""What can suffer faults: the learner's services and the companions alike."""

from __future__ import annotations

from typing import Protocol


class CannotTell(Exception):
    """The machine is so busy that nothing can be concluded about anybody: a try that meets it is undecided (C-24)."""


class CannotBeDone(Exception):
    """This runtime cannot do that to this target: the check's author is told."""


class Target(Protocol):
    """A running program that can suffer faults. Its addresses stay the same over all of them."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port as the other programs of its side reach it."""

    @property
    def client_address(self) -> tuple[str, int]:
        """Host and port as the grader reaches it."""

    def answers(self, timeout: float) -> bool:
        """Whether it completes a round trip with the runner now; takes `timeout` seconds at the most."""

    def epitaph(self) -> str | None:
        """How it ended, in words; None while it lives."""

    def log(self, since: float, until: float) -> tuple[str, ...]:
        """What it wrote between two monotonic moments, as safe lines, cut to a sane size."""

    def kill(self) -> None:
        """SIGKILL to every process of it at once; returns when none is left."""

    def start_again(self) -> None:
        """Start it anew after its end: same address, same data."""

    def pause(self) -> None:
        """Stop every process of it; returns when each is confirmed stopped."""

    def resume(self) -> None:
        """Undo `pause`."""

    def cut(self) -> None:
        """Cut it off: no byte passes to it or from it; returns when that is confirmed.

        Raises:
            CannotBeDone: not without a proxy before it.
        """

    def mend(self) -> None:
        """Undo `cut`."""

    def close(self) -> None:
        """End it, whatever it forked, and free what it held. May be called twice."""
