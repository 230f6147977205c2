"""Stage sliding-window: in every span of one window, at most the limit. Whatever the plan, the quota oracle judges."""

from __future__ import annotations

from timing import LEFT, RESET, WAIT, Pair
from vocabulary import Limiter, must_state_quota

from labrunner.checks import GRANULARITY, undecided, wait_until

SPAN = "A sliding window limits every span of one window, not only those that begin with it."
LEAVES = "A unit counts from the moment it was spent until one window later, and no longer."


def test_no_double_burst(limiter: Limiter) -> None:
    """RL-13: a burst at the end of what a fixed window would be, and one after it, are not both admitted."""
    pair = Pair(limiter, limiter.policy("sliding"))
    limit, window = pair.policy.limit, pair.policy.window
    first = pair.ask()
    wait_until(first.answered + 0.75 * window)
    pair.ask_each(*[1] * (limit - 1))
    wait_until(first.answered + window + GRANULARITY)
    # One unit has left, the others have not.
    after = len(pair.answers)
    pair.ask_each(1, 1, 1)
    pair.settle(SPAN, admitted=[after], denied=[after + 1])


def test_units_leave_one_by_one(limiter: Limiter) -> None:
    """RL-13: each unit leaves one window after it was spent; no approximation by counters does that."""
    pair = Pair(limiter, limiter.policy("sliding"))
    limit, window = pair.policy.limit, pair.policy.window
    pause = 0.6 * window / limit
    first = pair.ask()
    for number in range(1, limit):
        wait_until(first.answered + number * pause)
        pair.ask()
    wait_until(first.answered + window + GRANULARITY)
    # Faster than they leave: an answer in three is a 200.
    pair.probe(first.answered + 1.7 * window, pause / 3)
    pair.settle(LEAVES, admitted=[limit], denied=[limit + 1])


def test_window_costs(limiter: Limiter) -> None:
    """RL-13: what leaves is as much as was spent, and what is asked for must fit as a whole."""
    pair = Pair(limiter, limiter.policy("sliding-costs"))
    limit, window = pair.policy.limit, pair.policy.window
    first = pair.ask(limit // 2)
    wait_until(first.answered + 0.2 * window)
    second = pair.ask(limit // 4)
    pair.ask_each(limit // 2, limit - limit // 2 - limit // 4)
    # Only the first has left: its units are there again, and not one more.
    wait_until(first.answered + window + GRANULARITY)
    pair.ask_each(limit // 2 + 1, limit // 2, 1)
    wait_until(second.answered + window + GRANULARITY)
    pair.ask_each(limit // 2, limit // 4)
    pair.settle("Units are counted, not requests, and each request's leave with it.", admitted=[3, 5], denied=[2, 4, 6])
    answer = limiter.ask(pair.policy, limiter.new_client(), limit + 1)
    answer.expect(422, why=f"{limit + 1} units are never within a limit of {limit}: waiting would not help.")


def test_denied_leaves_no_trace(limiter: Limiter) -> None:
    """RL-6, RL-13: requests that were denied do not count later."""
    pair = Pair(limiter, limiter.policy("sliding"))
    window = pair.policy.window
    first = pair.ask()
    last = pair.ask_each(*[1] * (pair.policy.limit - 1))[-1]
    pair.probe(first.sent + 0.9 * window, 0.1 * window)
    # All that was admitted has left, of what was denied nothing would have.
    wait_until(last.answered + window + GRANULARITY)
    after = len(pair.answers)
    pair.ask_each(*[1] * pair.policy.limit)
    pair.settle("A denied request spends nothing, not even later.", admitted=range(after, len(pair.answers)))
    if pair.answers[-1].answered >= pair.answers[after - 1].sent + window:
        undecided("what was denied would have left by then, too")


def test_window_remaining(limiter: Limiter) -> None:
    """RL-8: remaining is the limit less the units in use, also when some have left."""
    pair = Pair(limiter, limiter.policy("sliding-costs"))
    window = pair.policy.window
    first = pair.ask(5)
    wait_until(first.answered + 0.4 * window)
    pair.ask_each(3, 2)
    wait_until(first.answered + window + GRANULARITY)
    pair.ask_each(1, pair.policy.limit)
    pair.settle("A client plans with what is left.", LEFT, denied=[4])


def test_window_retry_after(limiter: Limiter) -> None:
    """RL-9: the wait ends when enough of the oldest units have left for this request: not one, and not all."""
    pair = Pair(limiter, limiter.policy("sliding-costs"))
    limit, window = pair.policy.limit, pair.policy.window
    first = pair.ask(4)
    for part in (0.2, 0.4):
        wait_until(first.answered + part * window)
        pair.ask(4 if part == 0.2 else limit - 8)
    wait_until(first.answered + 0.5 * window)
    pair.ask_each(1, 4, 5, 8, 9)
    pair.settle("A client that comes back when it was told to must be served, and not wait longer than needed.", WAIT,
                denied=[3])  # fmt: skip


def test_window_reset(limiter: Limiter) -> None:
    """RL-11: t is when the oldest unit leaves."""
    pair = Pair(limiter, limiter.policy("sliding-seconds"))
    first = pair.ask()
    wait_until(first.answered + 1.5)
    pair.ask_each(*[1] * (pair.policy.limit - 1), 1)
    pair.settle("A client sees when more will be left: when the oldest unit leaves.", RESET, denied=[pair.policy.limit])
    for answer in (pair.answers[0], pair.answers[-1]):
        must_state_quota(answer, pair.policy)
