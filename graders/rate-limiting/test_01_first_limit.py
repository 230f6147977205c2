"""Stage first-limit: one policy, a fixed window."""

from __future__ import annotations

import time

from vocabulary import BORN_WITH, Limiter, content, whole_number

from labrunner.checks import GRANULARITY, Client, Services, exceeded, fail, undecided, wait, wait_until

STOP_SECONDS = 5.0
PROBE_SECONDS = 0.04
WHOLE_QUOTA = "A window ends as a whole, its length after its first request; the next has the whole quota."


def test_healthy(client: Client) -> None:
    """C-3: it says that it is ready."""
    client.get("/healthz").expect(200, why="Nobody sends requests to a service that does not say it is ready.")


def test_graceful_stop(services: Services) -> None:
    """C-6: after SIGTERM it exits with 0, in time."""
    service = services.start()
    client = service.client()
    answer = client.get("/healthz").expect(200, why="It must run before it can stop.")
    end = service.stop(within=STOP_SECONDS)
    why = "Every deployment ends with SIGTERM; a service that must be killed loses requests."
    if end.code is None:
        expected = f"an end within {STOP_SECONDS:.0f} s of SIGTERM"
        exceeded(answer, deadline=STOP_SECONDS, expected=expected, got="it still ran and was killed", why=why)
    if end.code != 0:
        got = f"exit code {end.code}" if end.code > 0 else f"killed by signal {-end.code}: nothing handles SIGTERM"
        fail(answer, expected="exit code 0 after SIGTERM", got=got, why=why)


def test_first_answer(limiter: Limiter) -> None:
    """RL-8: an admitted request is answered with policy, client and what is left."""
    policy, client = limiter.policy("first-answer"), limiter.new_client()
    answer = limiter.admit(policy, client)
    why = "A client must see under which policy it was counted, and as whom."
    for member, wanted in (("policy", policy.name), ("client", client)):
        if (got := content(answer, member, why)) != wanted:
            fail(answer, expected=f"{member}: {wanted!r}", got=f"{member}: {got!r}", why=why)
    whole_number(answer, "remaining", "A client plans with what is left.")


def test_unknown_policy(limiter: Limiter) -> None:
    """RL-5, C-9: a policy that nobody configured is not found, nor is a path that nobody knows."""
    for name in (limiter.unknown_name(), BORN_WITH[0]):
        limiter.ask(name, limiter.new_client()).expect(404, why="What does not exist is 404, whoever asks.")
    limiter.client.get(f"/{limiter.unknown_name()}").expect(404, why="There is no such path.")


def test_counts_down(limiter: Limiter) -> None:
    """RL-8: remaining is what is left right after the decision."""
    policy, client = limiter.policy("counts-down"), limiter.new_client()
    for spent in range(1, policy.limit + 1):
        answer = limiter.admit(policy, client)
        why = f"{spent} of {policy.limit} units are spent after this request."
        got = whole_number(answer, "remaining", why)
        if got != policy.limit - spent:
            fail(answer, expected=f"remaining: {policy.limit - spent}", got=f"remaining: {got}", why=why)


def test_quota(limiter: Limiter) -> None:
    """RL-6, RL-12: exactly the limit is admitted in one window."""
    policy, client = limiter.policy("quota"), limiter.new_client()
    limiter.fill(policy, client)
    for _ in range(3):
        limiter.deny(policy, client)


def test_cost(limiter: Limiter) -> None:
    """RL-4, RL-6: a request spends as many units as it costs."""
    policy, client = limiter.policy("cost"), limiter.new_client()
    limiter.admit(policy, client, cost=policy.limit - 1, why="A cost within the limit is admitted.")
    limiter.deny(policy, client, cost=2, why="Only one unit is left, so a cost of 2 must be denied.")


def test_denied_is_free(limiter: Limiter) -> None:
    """RL-6: a denied request spends nothing."""
    policy, client = limiter.policy("denied-is-free"), limiter.new_client()
    limiter.admit(policy, client, cost=policy.limit - 2)
    for _ in range(3):
        limiter.deny(policy, client, cost=3)
    limiter.admit(policy, client, cost=2, why="Two units are left: denied requests spent none of them.")


def test_window_from_first_request(limiter: Limiter) -> None:
    """RL-12: the window opens with the first admitted request and lasts its whole length."""
    policy, client = limiter.policy("window-from-first-request"), limiter.new_client()
    _wait_for_phase(0.25, 0.85)
    filled = limiter.fill(policy, client)
    # It opened at or after the moment when the first request was sent; until then nothing may be admitted.
    holds_until = filled.first.sent + policy.window - GRANULARITY
    last_decided = 0.0
    while time.monotonic() < holds_until:
        answer = limiter.ask(policy, client)
        if answer.answered < holds_until:
            last_decided = answer.sent - filled.first.sent
            if answer.status != 429:
                since = answer.answered - filled.first.sent
                fail(
                    answer,
                    expected=f"429 until {policy.window:.1f} s after the window's first request",
                    got=f"{answer.line} after {since:.2f} s",
                    why="A window opens with the first request, not with the clock's full second.",
                )
        wait(PROBE_SECONDS)
    if last_decided < 0.8 * policy.window:
        undecided("no request was answered late enough in the window")


def _wait_for_phase(earliest: float, latest: float) -> None:
    """Begin between these parts of a clock second, so that a window that follows the clock ends where it is looked for.

    It keeps a mutant from being told by more than its own check, and decides nothing about a correct solution.
    """
    phase = time.time() % 1.0
    if not earliest <= phase <= latest:
        wait((earliest - phase) % 1.0)


def test_window_reopens(limiter: Limiter) -> None:
    """RL-12: when the window is over, the whole quota is there again, whenever in the window it was spent."""
    policy, client = limiter.policy("window-reopens"), limiter.new_client()
    _wait_for_phase(0.1, 0.55)
    first = limiter.admit(policy, client)
    # Spent late, because a window that slides, or starts anew with each request, would still hold these units later.
    wait_until(first.sent + 0.3 * policy.window)
    for _ in range(policy.limit - 1):
        last = limiter.admit(policy, client)
        if last.answered >= first.sent + policy.window - GRANULARITY:
            undecided("the window may have ended before its quota was spent")
    # It opened at the latest when the first answer was read.
    wait_until(first.answered + policy.window + GRANULARITY)
    for _ in range(policy.limit):
        limiter.admit(policy, client, why=WHOLE_QUOTA)


def test_denial_does_not_lengthen(limiter: Limiter) -> None:
    """RL-12: a denied request neither opens nor lengthens a window."""
    policy, client = limiter.policy("denial-does-not-lengthen"), limiter.new_client()
    filled = limiter.fill(policy, client)
    wait_until(filled.first.sent + policy.window / 2)
    knock = limiter.ask(policy, client)
    if knock.answered >= filled.first.sent + policy.window - GRANULARITY:
        undecided("the window ended before a request could be denied")
    knock.expect(429, why="The quota is spent and the window still open.")
    wait_until(filled.first.answered + policy.window + GRANULARITY)
    limiter.admit(policy, client, why="The window is over; that a request was denied meanwhile must not lengthen it.")
