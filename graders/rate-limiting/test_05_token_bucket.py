"""Stage token-bucket: B tokens at first, N per window more, never above B. The quota oracle judges."""

from __future__ import annotations

from timing import LEFT, RESET, WAIT, Pair
from vocabulary import Limiter, Policy, must_state_quota, whole_number

from labrunner.checks import GRANULARITY, fail, undecided, wait_until

FULL = "A bucket of B tokens grants B at once to a client that was never seen, whatever N is."
TRICKLE = "Tokens flow in continuously, N per window, and what is not a whole token yet is kept."
KINDS = ("bucket-seconds", "bucket-seconds-at", "bucket-seconds-above")


def _drain(pair: Pair) -> None:
    pair.ask_each(*[1] * (pair.policy.capacity + 2))


def _token(policy: Policy) -> float:
    """Seconds in which a token flows in."""
    return policy.window / policy.limit


def test_full_at_first(limiter: Limiter) -> None:
    """RL-14: a new pair has B tokens: with B below, at and above N."""
    for kind in KINDS:
        pair = Pair(limiter, limiter.policy(kind))
        _drain(pair)
        pair.settle(FULL, admitted=[pair.policy.capacity - 1], denied=[pair.policy.capacity])


def test_refill(limiter: Limiter) -> None:
    """RL-14: an empty bucket fills at N per window, token by token, whole seconds or not."""
    pair = Pair(limiter, limiter.policy("bucket-at"))
    _drain(pair)
    empty = len(pair.answers)
    # More than a token's time apart: what is lost, or too much, at each of them adds up.
    pair.probe(pair.answers[-1].answered + 2.0, 1.4 * _token(pair.policy))
    late = len(pair.answers)
    pair.ask_each(1, 1, 1)
    pair.settle(TRICKLE, admitted=[empty, late])


def test_fractions_are_kept(limiter: Limiter) -> None:
    """RL-14: requests that come faster than tokens lose nothing of what flows in meanwhile."""
    pair = Pair(limiter, limiter.policy("bucket-at"))
    _drain(pair)
    empty = len(pair.answers)
    pair.probe(pair.answers[-1].answered + 1.8, 0.3 * _token(pair.policy))
    pair.settle(TRICKLE, some=range(empty, len(pair.answers)))


def test_never_above_burst(limiter: Limiter) -> None:
    """RL-14: a full bucket takes no more."""
    pair = Pair(limiter, limiter.policy("bucket-below"))
    first = pair.ask()
    wait_until(first.answered + 0.9)
    pair.ask_each(*[1] * (pair.policy.capacity + 1))
    pair.settle("A bucket holds B tokens, however long it was left alone.", denied=[pair.policy.capacity + 1])


def test_bucket_costs(limiter: Limiter) -> None:
    """RL-14: a request takes as many tokens as it costs, or none."""
    pair = Pair(limiter, limiter.policy("bucket-above"))
    burst, token = pair.policy.capacity, _token(pair.policy)
    pair.ask_each(burst - 2, 3, 2)
    wait_until(pair.answers[-1].answered + 2.3 * token)
    pair.ask_each(3, 2, 1)
    wait_until(pair.answers[-1].answered + 3 * token)
    pair.ask_each(4, 3)
    pair.settle("Tokens are counted, not requests, and a denied request takes none.", admitted=[2, 4], denied=[1, 3])
    small = limiter.policy("bucket-below")
    for cost in (small.capacity + 1, small.limit):
        answer = limiter.ask(small, limiter.new_client(), cost)
        answer.expect(
            422, why=f"{cost} tokens are never in a bucket that holds {small.capacity}: waiting would not help."
        )


def test_bucket_remaining(limiter: Limiter) -> None:
    """RL-8: remaining is the tokens, rounded down."""
    pair = Pair(limiter, limiter.policy("bucket-at"))
    pair.ask_each(1, 2)
    pair.ask(pair.policy.capacity - 6)
    # A third of a token apart: however late the machine is, one of them finds more than half of a token.
    for tokens in (1.6, 0.35, 0.35):
        wait_until(pair.answers[-1].answered + tokens * _token(pair.policy))
        pair.ask()
    pair.ask(pair.policy.capacity)
    pair.settle("A client plans with what is left.", LEFT, denied=[6])


def test_bucket_retry_after(limiter: Limiter) -> None:
    """RL-9: the wait ends when the tokens that are missing have flowed in: fractions of seconds, whatever the cost."""
    pair = Pair(limiter, limiter.policy("bucket-above"))
    burst = pair.policy.capacity
    pair.ask_each(burst - 1, 3, burst, 2)
    pair.settle("A client that comes back when it was told to must be served, and not wait longer than needed.", WAIT,
                denied=[1, 2])  # fmt: skip
    denied = pair.ask(3)
    if denied.status != 429:
        undecided("three tokens had flowed in before a request for three was decided")
    wait_ms = whole_number(denied, "retry_after_ms", FULL)
    # Once for the clock, and once for what a bucket may lose.
    wait_until(denied.answered + wait_ms / 1000 + 2 * GRANULARITY)
    again = pair.ask(3)
    if again.status != 200:
        got = f"{again.line} after a wait of {again.sent - denied.answered:.3f} s"
        expected = f"200 after the {wait_ms} ms that were told"
        fail(denied, again, expected=expected, got=got, why="A wait that is told must be enough.")


def test_bucket_reset(limiter: Limiter) -> None:
    """RL-10, RL-11: t is when the next whole token is there; w is how long an empty bucket takes to fill."""
    pair = Pair(limiter, limiter.policy("bucket-seconds"))
    policy = pair.policy
    pair.ask()
    wait_until(pair.answers[-1].answered + 1.1)
    pair.ask_each(*[1] * (policy.capacity + 1))
    pair.settle(
        "A client sees when more will be left: when the next whole token is there.", RESET, denied=[policy.capacity + 1]
    )
    for answer in (pair.answers[0], pair.answers[-1]):
        must_state_quota(answer, policy, "For a bucket q is B, and w the seconds in which an empty one fills.")
