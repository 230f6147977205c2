"""How a check ends other than by passing. Anything else that it raises is the grader's own fault (*errored*)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, Protocol

from labrunner.model.outcome import Failure
from labrunner.model.status import Reason
from labrunner.rules.text import storable

if TYPE_CHECKING:
    from labrunner.model.outcome import Exchange
    from labrunner.model.timeline import Timeline


class Shown(Protocol):
    """What can be shown as evidence: an `Answer`."""

    @property
    def exchange(self) -> Exchange:
        """The record of it."""


class Verdict(Exception):
    """Base of the ways to end.

    Attributes:
        failure: what a learner is shown.
        reason: why, in one word.
    """

    def __init__(self, failure: Failure, reason: Reason = Reason.MISMATCH) -> None:
        super().__init__(f"expected {failure.expected}, got {failure.got}")
        self.failure = failure
        self.reason = reason


class Failed(Verdict):
    """The solution did what no correct solution can do."""


class Exceeded(Verdict):
    """A deadline passed. The runner repeats the check; three times with a healthy witness is a failure.

    Attributes:
        deadline: seconds.
    """

    def __init__(self, failure: Failure, deadline: float, reason: Reason = Reason.TIMEOUT) -> None:
        super().__init__(failure, reason)
        self.deadline = deadline


class Broken(Verdict):
    """The connection broke without a valid answer. The runner finds out whether the service died.

    Attributes:
        deadline: seconds, or 0. Set when not one byte of an answer came: a correct server may end a connection that has
            been idle for so long, and a stalled client is idle; so that counts as an exceeded deadline does.
    """

    def __init__(self, failure: Failure, reason: Reason, deadline: float = 0.0) -> None:
        super().__init__(failure, reason)
        self.deadline = deadline


class Undecided(Exception):
    """This try cannot tell; the runner repeats the check, and after a few tries calls it inconclusive."""


def fail(*answers: Shown, expected: str, got: str, why: str, timeline: Timeline | None = None) -> NoReturn:
    """End the check: failed.

    Args:
        *answers: the exchanges that show it, the decisive one last.
        expected: what a correct service does, one line with concrete numbers.
        got: what this one did, one line.
        why: why that matters, one sentence for a human.
        timeline: where no single exchange shows what is wrong.
    """
    __tracebackhide__ = True  # a debugger shall stand in the check
    raise Failed(_failure(answers, expected, got, why, timeline))


def exceeded(*answers: Shown, deadline: float, expected: str, got: str, why: str) -> NoReturn:
    """End this try: a *deadline*, an upper bound on time in seconds, passed. See `fail` for the other arguments."""
    __tracebackhide__ = True
    raise Exceeded(_failure(answers, expected, got, why), deadline)


def undecided(because: str) -> NoReturn:
    """End this try without a verdict: the machine was too slow for this plan to tell anything."""
    __tracebackhide__ = True
    raise Undecided(because)


def _failure(
    answers: tuple[Shown, ...], expected: str, got: str, why: str, timeline: Timeline | None = None
) -> Failure:
    exchanges = tuple(answer.exchange for answer in answers)
    return Failure(storable(expected), storable(got), storable(why), exchanges, timeline=timeline)
