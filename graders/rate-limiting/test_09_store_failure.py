"""Stage store-failure: Redis is killed, paused, cut off, and comes back."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from replicas import (
    DEGRADED,
    STORE_SECONDS,
    Fleet,
    ask,
    call,
    drain,
    is_degraded,
    lasting,
    spend,
    target,
    too_late,
)
from vocabulary import Policy, content, header

from labrunner.checks import (
    Answer,
    Client,
    Companions,
    Services,
    burst,
    fail,
    note_recovery,
    undecided,
    wait,
    wait_until,
)

OPEN = "This policy rather lets everybody in than nobody; but it must say that it could not count."
CLOSED = "This policy rather lets nobody in than everybody."
IN_TIME = "A caller that has to wait for a store that hangs is not served at all."
STATE = "What Redis still knows counts: a failure is no new quota."
FRESH = "Redis came back empty, so nobody has spent anything."
BACK_SECONDS = 2.0
"""RL-25: from so long after Redis is back, answers are normal."""
GIVEN_UP_SECONDS = 1.0
"""After so long whoever gives up on a Redis that says nothing has done so."""
STILL_PAUSED_SECONDS = 25.0
"""The runner ends a fault after 30 s."""
WHILE_DOWN = 2
"""Requests of each pair while Redis fails; each was spent or not (RL-24)."""


def _fleet(services: Services, companions: Companions, rng: random.Random, *, behind_proxy: bool = False) -> Fleet:
    """One policy of each algorithm that fails closed, and one each way beside them."""
    tables = lasting(rng, 6, 9, on_store_failure="closed")
    tables["open"] = {**tables["fixed-window"], "on_store_failure": "open"}
    tables["default"] = {name: value for name, value in tables["open"].items() if name != "on_store_failure"}
    tables["probe"] = {**tables["open"], "limit": 10_000}
    return Fleet(services, companions, rng, tables, behind_proxy=behind_proxy)


def _warm(client: Client, fleet: Fleet) -> None:
    """All is well, connections are open, scripts are loaded."""
    for policy in fleet.policies.values():
        spend(client, policy, fleet.new_client(), 1)


def _refused(answer: Answer) -> None:
    """What RL-23 says of a policy that fails closed."""
    answer.expect(503, why=CLOSED)
    seconds = header(answer, "Retry-After", CLOSED)
    if not seconds.isdigit() or int(seconds) < 1:
        fail(answer, expected="Retry-After: whole seconds, at least 1", got=f"Retry-After: {seconds}", why=CLOSED)


def _let_in(answer: Answer, policy: Policy, who: str) -> None:
    """What RL-23 says of a policy that fails open."""
    answer.expect(200, why=OPEN)
    if (got := answer.headers.get(DEGRADED)) != "true":
        fail(answer, expected=f"{DEGRADED}: true", got=f"{DEGRADED}: {got}" if got else "no such field", why=OPEN)
    for member, wanted in (("policy", policy.name), ("client", who)):
        if (told := content(answer, member, OPEN)) != wanted:
            fail(answer, expected=f"{member}: {wanted!r}", got=f"{member}: {told!r}", why=OPEN)
    for name in ("RateLimit", "RateLimit-Policy"):
        if name in answer.headers:
            why = "Nobody knows what is left, so nobody may be told."
            fail(answer, expected=f"no {name}", got=f"{name}: {answer.headers.get(name)}", why=why)


def _in_time(answer: Answer) -> None:
    seconds = answer.answered - answer.sent
    if seconds > STORE_SECONDS:
        expected = f"an answer within {STORE_SECONDS * 1000:.0f} ms"
        too_late(answer, expected=expected, got=f"one after {seconds:.2f} s", why=IN_TIME)


def _fails_as_it_should(answer: Answer, fleet: Fleet, policy: Policy, who: str) -> None:
    """RL-23, in time: Redis is gone or says nothing, so nobody can have been counted."""
    _in_time(answer)
    if policy == fleet.policies["open"]:
        _let_in(answer, policy, who)
    else:
        _refused(answer)


def test_closed(services: Services, companions: Companions, rng: random.Random) -> None:
    """RL-23: with Redis killed a policy that fails closed answers 503 with Retry-After; closed is the default."""
    fleet = _fleet(services, companions, rng)
    client = fleet.start(1)[0].client()
    _warm(client, fleet)
    fleet.redis.kill()
    for purpose in ("fixed-window", "default", "sliding-window", "token-bucket", "default"):
        policy, who = fleet.policies[purpose], fleet.new_client()
        _fails_as_it_should(ask(client, policy, who), fleet, policy, who)


def test_open(services: Services, companions: Companions, rng: random.Random) -> None:
    """RL-23: with Redis killed a policy that fails open answers 200, degraded, without RateLimit fields."""
    fleet = _fleet(services, companions, rng)
    client = fleet.start(1)[0].client()
    _warm(client, fleet)
    fleet.redis.kill()
    policy, who = fleet.policies["open"], fleet.new_client()
    for _ in range(policy.limit + 2):
        _fails_as_it_should(ask(client, policy, who), fleet, policy, who)


def test_refusals(services: Services, companions: Companions, rng: random.Random) -> None:
    """RL-23: what needs no store is answered without it."""
    fleet = _fleet(services, companions, rng)
    client = fleet.start(1)[0].client()
    _warm(client, fleet)
    fleet.redis.kill()
    policy, who = fleet.policies["fixed-window"], fleet.new_client()
    ask(client, policy, who)
    why = "A mistake of the client's is one, whether or not Redis answers."
    unknown = {"X-Client-Id": who}
    client.get(f"/resource/{policy.name}x", headers=unknown).expect(404, why=why)
    client.get(target(policy)).expect(400, why=why)
    client.get(f"{target(policy)}?cost=0", headers=unknown).expect(400, why=why)
    client.get(target(policy, policy.limit + 1), headers=unknown).expect(422, why=why)


def test_in_time(services: Services, companions: Companions, rng: random.Random) -> None:
    """RL-23: with Redis paused each answer comes within 500 ms, the first one too, and 50 at once; it is as with a dead one."""
    fleet = _fleet(services, companions, rng)
    (replica,) = fleet.start(1)
    client = replica.client()
    _warm(client, fleet)
    policies = [fleet.policies[purpose] for purpose in ("fixed-window", "open")]
    with fleet.redis.paused():
        began = time.monotonic()
        answers = [(ask(client, policy, who), policy, who) for policy, who in _strangers(fleet, policies * 2)]
        wanted = _strangers(fleet, policies * 25)
        burst_answers = burst(replica, [call(*each) for each in wanted], connections=50)
        answers += [(answer, *each) for answer, each in zip(burst_answers, wanted, strict=True)]
        if time.monotonic() > began + STILL_PAUSED_SECONDS:
            undecided("the machine is so slow that Redis may have gone on meanwhile")
    for answer, policy, who in answers:
        _fails_as_it_should(answer, fleet, policy, who)


def _strangers(fleet: Fleet, policies: list[Policy]) -> list[tuple[Policy, str]]:
    """With each policy a client that nobody has counted yet."""
    return [(policy, fleet.new_client()) for policy in policies]


def test_from_the_start(services: Services, companions: Companions, rng: random.Random) -> None:
    """C-3, RL-23, RL-25: a service starts without Redis, and takes it when it comes."""
    fleet = _fleet(services, companions, rng)
    fleet.redis.kill()
    client = fleet.start(1)[0].client()
    _refused(ask(client, fleet.policies["fixed-window"], fleet.new_client()))
    fleet.redis.restart()
    _until_normal(client, fleet)
    for policy in _lasting(fleet):
        _must_have_left(client, policy, fleet.new_client(), policy.capacity, 0, FRESH)


@dataclass(frozen=True)
class Known:
    """A pair that spent some of its quota before Redis failed."""

    policy: Policy
    who: str
    spent: int


def _lasting(fleet: Fleet) -> list[Policy]:
    return [fleet.policies[purpose] for purpose in ("fixed-window", "sliding-window", "token-bucket")]


def _spend_some(client: Client, fleet: Fleet) -> list[Known]:
    """Pairs of each algorithm with three units left."""
    pairs = [Known(policy, fleet.new_client(), policy.capacity - 3) for policy in _lasting(fleet)]
    for pair in pairs:
        spend(client, pair.policy, pair.who, pair.spent)
    return pairs


def _ask_while_down(client: Client, pairs: list[Known]) -> list[Answer]:
    """RL-24: whether these spend anything is open. How they are answered is other checks' concern."""
    began = time.monotonic()
    answers = [ask(client, pair.policy, pair.who) for _ in range(WHILE_DOWN) for pair in pairs]
    wait_until(began + GIVEN_UP_SECONDS)
    return answers


def _until_normal(client: Client, fleet: Fleet) -> None:
    """Wait until Redis has been back for 2 s; note when answers became normal, if they did before."""
    back = fleet.redis.back_at
    is_noted = False
    who = fleet.new_client()
    while (answer := ask(client, fleet.policies["probe"], who)).sent < back + BACK_SECONDS:
        if not is_noted and not is_degraded(answer):
            note_recovery(answer.answered - back)
            is_noted = True
        if is_noted:
            wait_until(back + BACK_SECONDS)
        else:
            wait(0.05)


def _must_have_left(client: Client, policy: Policy, who: str, most: int, unknown: int, why: str) -> None:
    """Exactly `most` units are left to a pair, or up to `unknown` fewer."""
    admitted, denial = drain(client, policy, who)
    if not most - unknown <= admitted <= most:
        expected = f"{most - unknown} to {most} more admitted" if unknown else f"{most} more admitted"
        fail(denial, expected=f"{expected} ({policy.algorithm})", got=f"{admitted}", why=why)


def test_recovers_after_kill(services: Services, companions: Companions, rng: random.Random) -> None:
    """RL-25: 2 s after Redis is back it counts again, from nothing."""
    fleet = _fleet(services, companions, rng)
    client = fleet.start(1)[0].client()
    pairs = _spend_some(client, fleet)
    fleet.redis.kill()
    _ask_while_down(client, pairs)
    fleet.redis.restart()
    _until_normal(client, fleet)
    for pair in pairs:
        _must_have_left(client, pair.policy, pair.who, pair.policy.capacity, WHILE_DOWN, FRESH)


def test_recovers_after_pause(services: Services, companions: Companions, rng: random.Random) -> None:
    """RL-25: 2 s after Redis goes on, it counts on."""
    fleet = _fleet(services, companions, rng)
    client = fleet.start(1)[0].client()
    pairs = _spend_some(client, fleet)
    with fleet.redis.paused():
        _ask_while_down(client, pairs)
    _until_normal(client, fleet)
    for pair in pairs:
        _must_have_left(client, pair.policy, pair.who, pair.policy.capacity - pair.spent, WHILE_DOWN, STATE)


def test_recovers_after_cut(services: Services, companions: Companions, rng: random.Random) -> None:
    """RL-23, RL-25: as after a pause; now it is the way to Redis that is gone."""
    fleet = _fleet(services, companions, rng, behind_proxy=True)
    client = fleet.start(1)[0].client()
    pairs = _spend_some(client, fleet)
    with fleet.redis.cut():
        began = time.monotonic()
        answers = _ask_while_down(client, pairs)
        if time.monotonic() > began + STILL_PAUSED_SECONDS:
            undecided("the machine is so slow that Redis may have been back meanwhile")
    for answer in answers:
        _in_time(answer)
        _refused(answer)
    _until_normal(client, fleet)
    for pair in pairs:
        _must_have_left(client, pair.policy, pair.who, pair.policy.capacity - pair.spent, WHILE_DOWN, STATE)
