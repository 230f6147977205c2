"""Stage headers: telling a client when to come back."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vocabulary import FIELDS, Filled, Limiter, Policy, header, must_state_quota, parameters, whole_number

from labrunner.checks import GRANULARITY, Answer, fail, undecided, wait_until

SOONEST = "A client that comes back when it was told to must be served, and must not wait longer than needed."
PART_OVER = 0.15
SECOND_OVER = 1.05


@dataclass(frozen=True)
class Span:
    """What is left of the window when an answer was decided, in seconds, at least and at most."""

    least: float
    most: float


def left_of_window(policy: Policy, filled: Filled, answer: Answer) -> Span:
    """Only intervals are known: the window opened during the first request, the decision fell during this one."""
    least = filled.first.sent + policy.window - answer.answered - GRANULARITY
    most = filled.first.answered + policy.window - answer.sent + GRANULARITY
    if least <= 0:
        undecided("the window may have ended before the answer was decided")
    return Span(least, most)


def test_retry_after_ms(limiter: Limiter) -> None:
    """RL-9: retry_after_ms is the shortest wait that helps."""
    policy, client = limiter.policy("retry-after-ms"), limiter.new_client()
    # In one request, so that the moment at which the window opened is known as well as can be.
    spent = limiter.admit(policy, client, cost=policy.limit)
    filled = Filled(spent, spent)
    # Enough of the window is over to tell what is left of it from its whole length.
    wait_until(spent.answered + PART_OVER)
    answer = limiter.deny(policy, client)
    span = left_of_window(policy, filled, answer)
    got = whole_number(answer, "retry_after_ms", SOONEST)
    low, high = math.floor(span.least * 1000), math.ceil(span.most * 1000)
    if not low <= got <= high:
        fail(answer, expected=f"retry_after_ms from {low} to {high}", got=f"retry_after_ms: {got}", why=SOONEST)


def test_retry_after(limiter: Limiter) -> None:
    """RL-9: Retry-After is the same wait in seconds, rounded up."""
    policy, client = limiter.policy("retry-after"), limiter.new_client()
    filled = limiter.fill(policy, client)
    wait_until(filled.last.answered + PART_OVER)
    answer = limiter.deny(policy, client)
    wait_ms = whole_number(answer, "retry_after_ms", SOONEST)
    if wait_ms % 1000 == 0:
        undecided("the wait was a whole number of seconds, so rounding cannot be seen")
    wanted, got = str(math.ceil(wait_ms / 1000)), header(answer, "Retry-After", SOONEST)
    if got.strip() != wanted:
        why = f"{wait_ms} ms are {wanted} s when rounded up; a client that comes sooner is denied again."
        fail(answer, expected=f"Retry-After: {wanted}", got=f"Retry-After: {got}", why=why)


def test_wait_is_enough(limiter: Limiter) -> None:
    """RL-9: a client that waits as told is admitted."""
    policy, client = limiter.policy("wait-is-enough"), limiter.new_client()
    filled = limiter.fill(policy, client)
    # In the middle of the window, so that a denial which moves its end is seen.
    wait_until(filled.first.sent + policy.window / 2)
    answer = limiter.ask(policy, client)
    left_of_window(policy, filled, answer)
    answer.expect(429, why="The quota is spent and the window still open.")
    wait_ms = whole_number(answer, "retry_after_ms", SOONEST)
    if wait_ms > policy.window * 1000 + GRANULARITY * 1000:
        longest = f"at most the window, {policy.window * 1000:.0f} ms"
        fail(answer, expected=longest, got=f"retry_after_ms: {wait_ms}", why=SOONEST)
    wait_until(answer.answered + wait_ms / 1000 + GRANULARITY)
    limiter.admit(policy, client, why=f"It waited the {wait_ms} ms that it was told to.")


def test_policy_field(limiter: Limiter) -> None:
    """RL-10: RateLimit-Policy states quota and window, on 200 and on 429."""
    policy, client = limiter.policy("policy-field"), limiter.new_client()
    filled = limiter.fill(policy, client)
    for answer in (filled.first, filled.last, limiter.deny(policy, client)):
        must_state_quota(answer, policy)


def test_limit_field(limiter: Limiter) -> None:
    """RL-10, RL-11: RateLimit states what is left, and in how many seconds that grows."""
    policy, client = limiter.policy("limit-field"), limiter.new_client()
    first = limiter.admit(policy, client)
    # A second later t must be smaller: a constant is not enough.
    wait_until(first.answered + SECOND_OVER)
    late = limiter.admit(policy, client)
    # More than is left, while something is left: r says what is left, not what was granted.
    denied = limiter.deny(policy, client, cost=policy.limit)
    for answer, left in ((first, policy.limit - 1), (late, policy.limit - 2), (denied, policy.limit - 2)):
        _check_limit_field(policy, Filled(first, late), answer, left)


def _check_limit_field(policy: Policy, filled: Filled, answer: Answer, left: int) -> None:
    span = left_of_window(policy, filled, answer)
    low, high = max(1, math.ceil(span.least)), math.ceil(span.most)
    told = parameters(answer, "RateLimit", policy)
    if told.get("r") != left or not _is_between(told.get("t"), low, high):
        shown = header(answer, "RateLimit", FIELDS)
        seconds = f"t={low}" if low == high else f"t from {low} to {high}"
        expected = f'RateLimit: "{policy.name}";r={left} and {seconds}'
        fail(filled.first, answer, expected=expected, got=f"RateLimit: {shown}", why=FIELDS)


def _is_between(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
