"""One pair whose requests are all remembered, and judged together by the quota oracle."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from vocabulary import FIELDS, Limiter, Policy, header, parameters, whole_number

from labrunner.checks import Answer, fail, note_history, quota, undecided, wait_until

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

BACK = "A client comes back when it was told to."
SHOWN = 12
"""Exchanges of a proof that are shown: more tell nobody more."""
DECISION = frozenset[str]()
LEFT = frozenset({"remaining"})
WAIT = frozenset({"retry_after_ms"})
RESET = frozenset({"remaining", "reset"})


class Pair:
    """A client of its own under one policy.

    Attributes:
        answers: all answers so far.
    """

    def __init__(self, limiter: Limiter, policy: Policy) -> None:
        self._limiter = limiter
        self._client = limiter.new_client()
        self.policy = policy
        self.answers: list[Answer] = []
        self._costs: list[int] = []

    def ask(self, cost: int = 1) -> Answer:
        """One request."""
        answer = self._limiter.ask(self.policy, self._client, None if cost == 1 else cost)
        if answer.status not in {200, 429}:
            why = "A client within its limit is served, one beyond it is denied."
            fail(answer, expected="200 or 429", got=answer.line, why=why)
        self.answers.append(answer)
        self._costs.append(cost)
        return answer

    def ask_each(self, *costs: int) -> list[Answer]:
        """One request after the other, without a pause."""
        return [self.ask(cost) for cost in costs]

    def probe(self, until: float, pause: float, cost: int = 1) -> None:
        """One request after every pause, up to the monotonic moment `until`."""
        while self.answers[-1].answered + pause < until:
            wait_until(self.answers[-1].answered + pause)
            self.ask(cost)

    def settle(
        self,
        why: str,
        judged: frozenset[str] = DECISION,
        *,
        admitted: Iterable[int] = (),
        denied: Iterable[int] = (),
        some: Collection[int] = (),
    ) -> None:
        """Fail the check if no correct service can have answered so; say undecided when the oracle cannot tell.

        Args:
            why: why it matters.
            judged: what of the answers is judged beside the decisions: members of `Decision`.
            admitted: indices of answers on which the plan turns: had one of them been a 429, the oracle would have to
                object, or else the machine was too slow for this plan.
            denied: likewise, had one of them been a 200.
            some: likewise, had all of them been 429s.
        """
        history = must_be_possible(self.policy, zip(self.answers, self._costs, strict=True), why, judged)
        must_tell(self.policy, history, admitted=admitted, denied=denied, some=some)


def must_tell(
    policy: Policy,
    history: list[quota.Decision],
    *,
    admitted: Iterable[int] = (),
    denied: Iterable[int] = (),
    some: Collection[int] = (),
) -> None:
    """Say undecided unless the plan came out as it was meant to; see `Pair.settle`."""
    wrong = [({index}, quota.Answered.DENIED) for index in admitted]
    wrong += [({index}, quota.Answered.ADMITTED) for index in denied]
    wrong += [(set(some), quota.Answered.DENIED)] if some else []
    bare = [dataclasses.replace(one, remaining=None, retry_after_ms=None, reset=None) for one in history]
    for turned, answer in wrong:
        other = [dataclasses.replace(one, answer=answer) if index in turned else one for index, one in enumerate(bare)]
        if quota.judge(policy.quota, other).verdict is not quota.Verdict.IMPOSSIBLE:
            undecided("a request was answered too late to tell anything")


def must_be_possible(
    policy: Policy, asked: Iterable[tuple[Answer, int]], why: str, judged: frozenset[str]
) -> list[quota.Decision]:
    """One pair's answers and costs, as the oracle wants them; fails, or says undecided, as `Pair.settle` does."""
    asked = list(asked)
    history = [_decision(policy, *each, judged) for each in asked]
    judgement = quota.judge(policy.quota, history)
    note_history(is_unknown=judgement.verdict is quota.Verdict.UNKNOWN)
    if judgement.verdict is quota.Verdict.IMPOSSIBLE:
        told = [asked[index][0] for index in judgement.telling]
        fail(*told[-SHOWN:], expected=judgement.expected, got=judgement.got, why=why)
    if judgement.verdict is quota.Verdict.UNKNOWN:
        undecided("the search for a placement of these requests was given up")
    return history


def _decision(policy: Policy, answer: Answer, cost: int, judged: frozenset[str]) -> quota.Decision:
    is_admitted = answer.status == 200
    left = reset = None
    if "reset" in judged or ("remaining" in judged and not is_admitted):
        left, reset = limit_field(answer, policy)
    elif "remaining" in judged:
        left = whole_number(answer, "remaining", "A client plans with what is left.")
    wait = None
    if "retry_after_ms" in judged and not is_admitted:
        wait = whole_number(answer, "retry_after_ms", BACK)
        wanted, got = str(-(-wait // 1000)), header(answer, "Retry-After", BACK).strip()
        if got != wanted:
            why = f"{wait} ms are {wanted} s when rounded up, whatever the RateLimit field says of the reset."
            fail(answer, expected=f"Retry-After: {wanted}", got=f"Retry-After: {got}", why=why)
    return quota.Decision(
        answer.sent,
        answer.answered,
        cost,
        quota.Answered.ADMITTED if is_admitted else quota.Answered.DENIED,
        left,
        wait,
        reset if "reset" in judged else None,
    )


def limit_field(answer: Answer, policy: Policy) -> tuple[int, int]:
    """``r`` and ``t`` of the field RateLimit."""
    told = parameters(answer, "RateLimit", policy)
    left, reset = told.get("r"), told.get("t")
    if not isinstance(left, int) or not isinstance(reset, int):
        got = f"RateLimit: {header(answer, 'RateLimit', FIELDS)}"
        fail(answer, expected="whole numbers for r and t", got=got, why=FIELDS)
    return left, reset
