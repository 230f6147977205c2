"""Stage clients-and-policies: independence, bad input, the order of refusals."""

from __future__ import annotations

import random

from vocabulary import BORN_WITH, ODD, Limiter, content

from labrunner.checks import fail

LONGEST_ID = 128


def test_clients_apart(limiter: Limiter) -> None:
    """RL-3: what one client spends is nobody else's."""
    policy = limiter.policy("clients-apart")
    limiter.fill(policy, limiter.new_client())
    limiter.admit(
        policy, limiter.new_client(), why="Another client has spent its quota; this one has not sent a request yet."
    )


def test_policies_apart(limiter: Limiter) -> None:
    """RL-3: what a client spends under one policy is not spent under another."""
    policy, twin = limiter.policy("policies-apart"), limiter.policy("policies-apart-twin")
    client = limiter.new_client()
    limiter.fill(policy, client)
    limiter.admit(twin, client, why="The client has spent its quota of another policy, not of this one.")
    # Keys that are joined of both names, with a hyphen or with nothing, would be the same for these pairs.
    for joined in ("{name}-{client}", "{client}-{name}", "-{name}{client}"):
        client = limiter.new_client()
        other = joined.format(name=policy.name, client=client)
        limiter.fill(policy, other)
        why = f"{client} under {twin.name} and {other} under {policy.name} are different pairs."
        limiter.admit(twin, client, why=why)


def test_client_id_bytes(limiter: Limiter) -> None:
    """RL-4, RL-8: client ids are compared byte by byte, and told as they came."""
    policy = limiter.policy("client-id-bytes")
    client = "Ab" + limiter.new_client(8, ODD)
    limiter.fill(policy, client)
    for other in (client.swapcase(), client + "x", client[:-1], '"' + client[1:]):
        answer = limiter.admit(policy, other, why=f"{other} and {client} are different clients.")
        why = "A client must see as whom it was counted, whatever its name is made of."
        if (got := content(answer, "client", why)) != other:
            fail(answer, expected=f"client: {other!r}", got=f"client: {got!r}", why=why)
    limiter.admit(policy, limiter.new_client(LONGEST_ID), why=f"{LONGEST_ID} bytes are allowed.")
    # One unit each: a repeated check finds them used by its earlier tries.
    for name in BORN_WITH:
        limiter.admit(policy, name, why=f"{name} is a client like any other, and has not spent its quota.")


def test_bad_client_id(limiter: Limiter, rng: random.Random) -> None:
    """RL-4, RL-5: a missing or invalid client id is refused."""
    policy = limiter.policy("bad-client-id")
    good = limiter.new_client()
    bad = [None, "", "two words", "caf\u00e9", limiter.new_client(LONGEST_ID + 1), f"tab\t{good}"]
    rng.shuffle(bad)
    for client in bad:
        what = "without X-Client-Id" if client is None else f"with the client id {client[:20]!r} ({len(client)} bytes)"
        answer = limiter.ask(policy, client)
        if answer.status != 400:
            why = "A client that cannot be named cannot be counted."
            fail(answer, expected=f"400 for a request {what}", got=answer.line, why=why)


def test_bad_cost(limiter: Limiter, rng: random.Random) -> None:
    """RL-4, RL-5: a cost is 1 to 1000, written plainly."""
    policy, client = limiter.policy("bad-cost"), limiter.new_client()
    limiter.admit(policy, client, cost=1000, why="1000 is the largest cost.")
    bad = [
        "",
        "0",
        "-1",
        f"0{rng.randint(1, 9)}",
        "1.0",
        "1e2",
        "+7",
        "1001",
        "99999999999999999999",
        "one",
        " 1",
        "1\n",
        "1_0",
        "\u0661",
    ]
    rng.shuffle(bad)
    for cost in bad:
        answer = limiter.ask(policy, client, cost)
        if answer.status != 400:
            fail(answer, expected=f"400 for cost={cost!r}", got=answer.line, why="What is no cost cannot be charged.")


def test_refusal_order(limiter: Limiter) -> None:
    """RL-5: the first reason that applies is told."""
    policy, client = limiter.policy("refusal-order"), limiter.new_client()
    unknown = limiter.unknown_name()
    spent = limiter.new_client()
    limiter.fill(policy, spent)
    cases = [
        (unknown, None, None, 404, "an unknown policy comes before a missing client id"),
        (unknown, client, "0", 404, "an unknown policy comes before a bad cost"),
        (policy.name, None, str(policy.limit + 1), 400, "a missing client id comes before a cost beyond the limit"),
        (policy.name, client, "1001", 400, "a cost that is none comes before a cost beyond the limit"),
        (policy.name, spent, "0", 400, "a bad cost comes before a quota that is spent"),
        (policy.name, spent, str(policy.limit + 1), 422, "a cost beyond the limit comes before a quota that is spent"),
    ]
    for name, who, cost, status, why in cases:
        limiter.ask(name, who, cost).expect(status, why=f"Of two mistakes, {why}.")


def test_impossible_cost(limiter: Limiter) -> None:
    """RL-5, RL-6: a cost beyond the capacity could never be admitted: 422, at no cost."""
    policy, client = limiter.policy("impossible-cost"), limiter.new_client()
    for cost in (policy.limit + 1, 1000):
        answer = limiter.ask(policy, client, cost)
        answer.expect(
            422, why=f"A cost of {cost} is more than the whole limit of {policy.limit}: waiting would not help."
        )
        if "Retry-After" in answer.headers:
            fail(
                answer,
                expected="no Retry-After",
                got="one",
                why="A client must not be told to wait for what never comes.",
            )
    limiter.admit(
        policy, client, cost=policy.limit, why="The refused requests spent nothing, so the whole limit is there."
    )
