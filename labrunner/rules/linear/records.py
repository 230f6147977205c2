"""What the linearizability oracle is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

State = tuple[Hashable, ...]
"""What a key holds; its parts are the model's own."""


class Action(Protocol):
    """What an operation asked for, and what it was answered. Equal actions are equal values."""

    @property
    def only_reads(self) -> bool:
        """Whether, answered so, it leaves every state as it is."""

    def after(self, state: State, *, known: bool) -> State | None:
        """The state after it took effect in `state`.

        Args:
            state: right before.
            known: whether its answer is known and must be right; else any answer is, and only its effect counts.

        Returns:
            None when the answer would be wrong, or, without one, when there would be no effect.
        """

    def right_in(self, state: State) -> str:
        """What a correct service answers in `state`, in a few words."""

    def told(self) -> str:
        """What was asked, in a few words."""

    def got(self) -> str:
        """What was answered, in a few words."""


@dataclass(frozen=True, slots=True)
class Model:
    """Where a key's history begins.

    Attributes:
        initial: the state before the first operation.
        anything: a state of which nothing is known: it allows whatever any state allows.
    """

    initial: State
    anything: State


class Verdict(Enum):
    """Whether a linearizable service can have answered so."""

    CONSISTENT = "consistent"
    IMPOSSIBLE = "impossible"
    UNKNOWN = "unknown"
    """The search was given up; nothing is claimed (C-25)."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation on one key, seen from outside: it took effect at one moment between the two that are known.

    Attributes:
        key: of the register.
        client: who asked; shown only, and not taken for an order.
        sent: monotonic seconds right before it was sent.
        answered: right after its answer was read; None for an unknown outcome (C-16): it took effect once, at any
            moment from its sending on, or never.
        action: what was asked and answered.
    """

    key: str
    client: int
    sent: float
    answered: float | None
    action: Action


@dataclass(frozen=True, slots=True)
class Judgement:
    """The oracle's answer.

    Attributes:
        verdict: whether a linearizable service can have answered so.
        key: the one whose history is impossible, or else unknown.
        telling: indices of the operations whose answers cannot all be right, the impossible one last. None of them
            can be left out (in a very long proof, none that was tried). Of the others it is assumed only that they took
            effect within their intervals, or never.
        since: what was answered before this moment is over, and nothing else is assumed of it; None for the beginning.
        origin: index of the last operation that brought what the impossible one saw, for a drawing; None if nothing did.
        expected: what could be answered to the impossible one, one line.
        got: what was, one line.
        steps: how much was tried, for those who measure the oracle.
    """

    verdict: Verdict
    key: str = ""
    telling: tuple[int, ...] = ()
    since: float | None = None
    origin: int | None = None
    expected: str = ""
    got: str = ""
    steps: int = 0
