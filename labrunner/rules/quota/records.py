"""What the quota oracle is asked, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Algorithm(Enum):
    """How a pair's quota is counted; the values are those of POLICIES."""

    FIXED_WINDOW = "fixed-window"
    SLIDING_WINDOW = "sliding-window"
    TOKEN_BUCKET = "token-bucket"  # noqa: S105 - the name of an algorithm


class Answered(Enum):
    """What became of a request, as far as its sender knows."""

    ADMITTED = "admitted"
    DENIED = "denied"
    UNKNOWN = "unknown"
    """No complete answer: it was carried out once, at any moment from its sending on, or not at all (C-16)."""


class Verdict(Enum):
    """Whether a correct service can have given these answers."""

    CONSISTENT = "consistent"
    IMPOSSIBLE = "impossible"
    UNKNOWN = "unknown"
    """The search was given up; nothing is claimed."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A policy's numbers.

    Attributes:
        algorithm: how it counts.
        limit: N, cost units per window.
        window: W, seconds.
        burst: B, tokens of a full bucket; None for N. Buckets only.
    """

    algorithm: Algorithm
    limit: int
    window: float
    burst: int | None = None

    @property
    def capacity(self) -> int:
        """K: the most units that can be had at once."""
        return self.burst if self.algorithm is Algorithm.TOKEN_BUCKET and self.burst is not None else self.limit


@dataclass(frozen=True, slots=True)
class Decision:
    """One request of a pair, seen from outside: the service decided it somewhere between the two moments.

    Attributes:
        sent: monotonic seconds right before it was sent.
        answered: monotonic seconds right after its answer was read; of no meaning when that is unknown.
        cost: units.
        answer: what came.
        remaining: units left right after the decision, as the answer says; None to leave that unjudged.
        retry_after_ms: the wait that a denial told; None to leave that unjudged.
        reset: T, whole seconds until `remaining` would grow; judged only together with `remaining`.
    """

    sent: float
    answered: float
    cost: int
    answer: Answered
    remaining: int | None = None
    retry_after_ms: int | None = None
    reset: int | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The oracle's answer.

    Attributes:
        verdict: whether a correct service can have answered so.
        telling: indices of the decisions that prove that it cannot, the decisive one last.
        expected: what a correct service answers instead, one line.
        got: what this one did, one line.
        steps: how much was tried, for those who measure the oracle.
    """

    verdict: Verdict
    telling: tuple[int, ...] = ()
    expected: str = ""
    got: str = ""
    steps: int = 0
