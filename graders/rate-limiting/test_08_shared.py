"""Stage shared: several replicas, one Redis, one limit."""

from __future__ import annotations

import itertools
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from environment import HOUR, SECOND
from replicas import Fleet, ask, call, count_keys, drain, is_admitted, lasting, settle, spend, target
from vocabulary import BEYOND, WITHIN, Policy, parameters, whole_number

from labrunner.checks import Answer, Client, Companions, Service, Services, burst, exceeded, fail, wait, wait_until

TOGETHER = "Behind a load balancer a client's requests go to all replicas, and its limit is one."
REMEMBERED = "A replica that is replaced must not give every client a new quota."
KILLED = "A replica can die in the middle of anything; the limit must not suffer."
PASSES = "When a window ends, or a token flows in, does not depend on which replica is asked."
IDLE_SECONDS = 10.0
MOST_KEYS = 100
TELLING = {"fixed-window": ((5,), ()), "sliding-window": ((6,), (5, 7)), "token-bucket": ((), (9,))}
"""Of the requests of `test_time_is_shared`, by algorithm: which admissions and which denials the plan turns on."""
LATER = 0.5
"""Seconds between the starts of two replicas whose clocks are compared."""


def test_one_quota(services: Services, companions: Companions, rng: random.Random) -> None:
    """RL-20: two replicas asked in turn decide as one would, with each algorithm."""
    fleet = Fleet(services, companions, rng, lasting(rng, 5, 9))
    clients = [replica.client() for replica in fleet.start(2)]
    for policy in fleet.policies.values():
        who, turn = fleet.new_client(), itertools.cycle(clients)
        for left in range(policy.capacity - 1, -1, -1):
            answer = ask(next(turn), policy, who)
            if not is_admitted(answer):
                fail(answer, expected=f"200, with {left} left", got=answer.line, why=WITHIN)
            if (got := whole_number(answer, "remaining", TOGETHER)) != left:
                fail(answer, expected=f"remaining: {left}", got=f"remaining: {got}", why=TOGETHER)
        for client in clients:
            answer = ask(client, policy, who)
            if is_admitted(answer):
                fail(answer, expected=f"429 beyond the limit of {policy.capacity}", got=answer.line, why=TOGETHER)


def test_at_once(services: Services, companions: Companions, rng: random.Random) -> None:
    """RL-16, RL-20: both replicas asked at once: read, decide and write are one step."""
    fleet = Fleet(services, companions, rng, lasting(rng, 40, 60))
    replicas = fleet.start(2)
    for policy in fleet.policies.values():
        who = fleet.new_client()
        asks = [call(policy, who)] * 80
        with ThreadPoolExecutor(len(replicas)) as pool:
            answers = [answer for each in pool.map(burst, replicas, [asks] * 2) for answer in each]
        admitted = [answer for answer in answers if is_admitted(answer)]
        if len(admitted) != policy.capacity:
            expected = f"exactly {policy.capacity} of {len(answers)} admitted ({policy.algorithm})"
            why = "Between reading what was used and writing it, another replica may have done the same."
            fail(admitted[-1] if admitted else answers[-1], expected=expected, got=f"{len(admitted)} admitted", why=why)


def test_forgets_nothing(services: Services, companions: Companions, rng: random.Random) -> None:
    """RL-20: what was spent stays spent over kill, restart and a further replica."""
    fleet = Fleet(services, companions, rng, lasting(rng, 5, 9))
    (replica,) = fleet.start(1)
    who = fleet.new_client()
    client = replica.client()
    for policy in fleet.policies.values():
        spend(client, policy, who, policy.capacity - 2)
    replica.kill()
    replica.restart()
    (further,) = fleet.start(1)
    for policy in fleet.policies.values():
        spend(replica.client(), policy, who, 1)
        admitted, denial = drain(further.client(), policy, who)
        if admitted != 1:
            expected = f"1 more unit of {policy.capacity}, then 429"
            fail(denial, expected=expected, got=f"{admitted} more admitted", why=REMEMBERED)


def test_time_is_shared(services: Services, companions: Companions, rng: random.Random) -> None:
    """RL-6, RL-9..14, RL-20: units that one replica counted are over for another when they are over, and are told so."""
    limit = rng.randint(6, 9)
    tables: dict[str, dict[str, object]] = {
        algorithm: {"algorithm": algorithm, "limit": limit, "window_ms": SECOND}
        for algorithm in ("fixed-window", "sliding-window", "token-bucket")
    }
    tables["token-bucket"]["burst"] = 2 * limit
    fleet = Fleet(services, companions, rng, tables)
    (early,) = fleet.start(1)
    wait(LATER)
    (late,) = fleet.start(1)
    first, second = early.client(), late.client()
    who = fleet.new_client()
    asked: dict[Policy, list[tuple[Answer, int]]] = {policy: [] for policy in fleet.policies.values()}

    def go(client: Client, policy: Policy, *costs: int) -> None:
        asked[policy] += [(ask(client, policy, who, cost), cost) for cost in costs]

    for policy in asked:
        go(first, policy, 1)
    for policy in asked:
        # Later in the same window; what is denied costs nothing.
        wait_until(asked[policy][0][0].answered + 0.4 * policy.window)
        go(first, policy, 2, policy.capacity, policy.capacity - 3, 1)
    for policy in asked:
        # Of a sliding window the first unit alone has left.
        wait_until(asked[policy][0][0].answered + policy.window + 0.03)
        go(second, policy, 2, 1, 1, policy.capacity)
    for policy in asked:
        # A bucket whose burst is larger than its limit is not full yet.
        wait_until(asked[policy][-1][0].answered + policy.window + 0.03)
        go(second, policy, policy.capacity, 1)
    for policy, answers in asked.items():
        settle(policy, answers, PASSES, *TELLING[policy.algorithm])
        one_of_each = {answer.status: answer for answer, _ in answers}
        for answer in one_of_each.values():
            parameters(answer, "RateLimit-Policy", policy)


@dataclass
class Spent:
    """What is known of one pair.

    Attributes:
        admitted: units of requests that were answered 200.
        unknown: units of requests without an answer: spent or not.
    """

    who: str
    admitted: int = 0
    unknown: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Traffic:
    """Requests of several pairs to one replica, from several clients, until it is told to stop or the replica dies."""

    def __init__(self, replica: Service, policy: Policy, pairs: list[Spent], threads: int) -> None:
        self._replica = replica
        self._policy = policy
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(threads)
        self._futures = [self._pool.submit(self._run, itertools.cycle(pairs[i:] + pairs[:i])) for i in range(threads)]

    def _run(self, pairs: itertools.cycle[Spent]) -> None:
        client = self._replica.client()
        while not self._stopping.is_set():
            pair = next(pairs)
            answer = client.attempt(target(self._policy), headers={"X-Client-Id": pair.who})
            with pair.lock:
                if not isinstance(answer, Answer):
                    pair.unknown += 1
                    return
                pair.admitted += is_admitted(answer)

    def stop(self) -> None:
        """Wait for the last answers; what a thread raised is raised here."""
        self._stopping.set()
        self._pool.shutdown()
        for future in self._futures:
            future.result()


def test_killed_amid_traffic(services: Services, companions: Companions, rng: random.Random) -> None:
    """RL-20: SIGKILL of a replica amid traffic: what it had in hand was spent or not, nothing else changes."""
    table: dict[str, object] = {"algorithm": "fixed-window", "limit": 10_000, "window_ms": HOUR}
    fleet = Fleet(services, companions, rng, {"busy": table})
    survivor, victim = fleet.start(2)
    policy = fleet.policies["busy"]
    pairs = [Spent(fleet.new_client()) for _ in range(6)]
    streams = [Traffic(survivor, policy, pairs, 2), Traffic(victim, policy, pairs, 6)]
    wait(rng.uniform(0.2, 0.5))
    victim.kill()
    streams[1].stop()
    victim.restart()
    streams[1] = Traffic(victim, policy, pairs, 2)
    wait(0.3)
    for stream in streams:
        stream.stop()
    for client, pair in itertools.product((survivor.client(), victim.client()), pairs):
        answer = ask(client, policy, pair.who)
        if not is_admitted(answer):
            fail(answer, expected="200", got=answer.line, why=WITHIN)
        pair.admitted += 1
        most = policy.limit - pair.admitted
        got = whole_number(answer, "remaining", KILLED)
        if not most - pair.unknown <= got <= most:
            expected = f"remaining: {most}" + (f", or up to {pair.unknown} less" if pair.unknown else "")
            fail(answer, expected=expected, got=f"remaining: {got}", why=KILLED if got < most else BEYOND)


def test_keys_expire(services: Services, companions: Companions, rng: random.Random) -> None:
    """RL-22: when all pairs are idle, Redis is as good as empty."""
    tables: dict[str, dict[str, object]] = {
        algorithm: {"algorithm": algorithm, "limit": rng.randint(3, 9), "window_ms": SECOND}
        for algorithm in ("fixed-window", "sliding-window", "token-bucket")
    }
    fleet = Fleet(services, companions, rng, tables)
    (replica,) = fleet.start(1)
    asks = [call(policy, fleet.new_client()) for policy in fleet.policies.values() for _ in range(MOST_KEYS + 20)]
    answers = burst(replica, asks, connections=20)
    for answer in answers:
        if not is_admitted(answer):
            fail(answer, expected="200", got=answer.line, why=WITHIN)
    idle = max(answer.answered for answer in answers) + 1.0
    while (keys := count_keys(fleet.redis)) > MOST_KEYS:
        if time.monotonic() > idle + IDLE_SECONDS:
            expected = f"at most {MOST_KEYS} keys in Redis, {IDLE_SECONDS:.0f} s after every window was over"
            why = "A key without an end stays for ever, and one day Redis is full."
            exceeded(answers[-1], deadline=IDLE_SECONDS, expected=expected, got=f"{keys} keys", why=why)
        wait(0.1)
