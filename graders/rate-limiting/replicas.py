"""Replicas of the service with one Redis: the words of the stages `shared` and `store-failure`."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Mapping, Sequence
from typing import NoReturn

from environment import HOUR, name_each
from timing import RESET, WAIT, must_be_possible, must_tell
from vocabulary import BEYOND, PLAIN, Policy

from labrunner.checks import (
    PULSE,
    Answer,
    Ask,
    Client,
    Companion,
    Companions,
    Service,
    Services,
    exceeded,
    fail,
    undecided,
)

STORE_SECONDS = 0.5
"""RL-23: so soon is a request answered whose store fails."""
WELL = "With a Redis that is well, requests are decided."
DEGRADED = "X-RateLimit-Degraded"

Table = dict[str, object]


def lasting(rng: random.Random, low: int, high: int, **more: object) -> dict[str, Table]:
    """One policy of each algorithm, whose quota does not grow while a check runs."""
    day = 24 * HOUR
    numbers = {"fixed-window": (HOUR, {}), "sliding-window": (HOUR, {}), "token-bucket": (day, {"limit": 1})}
    tables: dict[str, Table] = {}
    for algorithm, (window_ms, fewer) in numbers.items():
        size = rng.randint(low, high)
        capacity = {"burst": size} | fewer if fewer else {"limit": size}
        tables[algorithm] = {"algorithm": algorithm, "window_ms": window_ms, **capacity, **more}
    return tables


class Fleet:
    """A Redis of the check's own, and what its replicas are configured with.

    Args:
        services: starts replicas.
        companions: starts Redis.
        rng: of the check.
        tables: policies by their purpose.
        behind_proxy: whether Redis is behind a fault proxy.

    Attributes:
        redis: it.
        policies: by their purpose.
    """

    def __init__(
        self,
        services: Services,
        companions: Companions,
        rng: random.Random,
        tables: Mapping[str, Table],
        *,
        behind_proxy: bool = False,
    ) -> None:
        PULSE.start()
        self._services = services
        self._rng = rng
        self.redis = companions.start("redis", behind_proxy=behind_proxy)
        names = name_each(tuple(tables), rng)
        self.policies = {purpose: _policy(names[purpose], table) for purpose, table in tables.items()}
        self._env = {
            "POLICIES": json.dumps({names[purpose]: table for purpose, table in tables.items()}),
            "REDIS_URL": self.redis.url,
        }

    def start(self, count: int) -> list[Service]:
        """So many replicas, side by side."""
        return self._services.start_together([self._env] * count)

    def new_client(self) -> str:
        """A client id that nobody has used before."""
        return "".join(self._rng.choices(PLAIN, k=12))


def _policy(name: str, table: Table) -> Policy:
    limit, window_ms, burst = table["limit"], table["window_ms"], table.get("burst")
    assert isinstance(limit, int)
    assert isinstance(window_ms, int)
    assert burst is None or isinstance(burst, int)
    return Policy(name, limit, window_ms / 1000, str(table["algorithm"]), burst)


def target(policy: Policy, cost: int = 1) -> str:
    """Of a request."""
    return f"/resource/{policy.name}" + (f"?cost={cost}" if cost > 1 else "")


def call(policy: Policy, who: str) -> Ask:
    """A request of a burst."""
    return Ask(target(policy), {"X-Client-Id": who})


def ask(client: Client, policy: Policy, who: str, cost: int = 1) -> Answer:
    """One request; its answer may be any."""
    return client.get(target(policy, cost), headers={"X-Client-Id": who})


def is_degraded(answer: Answer) -> bool:
    """Whether it is the answer that RL-23 gives when the store fails."""
    return answer.status == 503 or (answer.status == 200 and answer.headers.get(DEGRADED) is not None)


def too_late(answer: Answer, *, expected: str, got: str, why: str) -> NoReturn:
    """The answer that RL-23 wants came too late, or one came that only a store that is too late can cause."""
    # Who was that slow missed every longer deadline, too: one that a machine's small stalls do not explain.
    late = max(STORE_SECONDS, 0.9 * (answer.answered - answer.sent))
    if PULSE.lost(answer.sent, answer.answered) > late / 10:
        undecided("the machine had no CPU time to give")
    exceeded(answer, deadline=late, expected=expected, got=got, why=why)


def is_admitted(answer: Answer) -> bool:
    """Whether a request was admitted that must have been decided: no fault is injected just now (C-17, RL-26)."""
    if is_degraded(answer):
        got = answer.line + (f" with {DEGRADED}" if answer.status == 200 else "")
        too_late(answer, expected="200 or 429", got=got, why=WELL)
    if answer.status not in {200, 429}:
        fail(answer, expected="200 or 429", got=answer.line, why=WELL)
    return answer.status == 200


def spend(client: Client, policy: Policy, who: str, units: int) -> list[Answer]:
    """Spend so many units of a quota that holds them, one at a time."""
    answers = [ask(client, policy, who) for _ in range(units)]
    for answer in answers:
        if not is_admitted(answer):
            fail(
                answer, expected="200", got=answer.line, why=f"{units} units are within the limit of {policy.capacity}."
            )
    return answers


def drain(client: Client, policy: Policy, who: str) -> tuple[int, Answer]:
    """Ask until a request is denied; how many were admitted, and the denial."""
    admitted = 0
    while is_admitted(answer := ask(client, policy, who)):
        admitted += 1
        if admitted > policy.capacity:
            fail(answer, expected=f"429 for what is beyond the limit of {policy.capacity}", got=answer.line, why=BEYOND)
    return admitted, answer


def settle(
    policy: Policy, asked: Sequence[tuple[Answer, int]], why: str, admitted: Sequence[int], denied: Sequence[int]
) -> None:
    """Fail the check if no correct service can have answered one pair's requests so; each with its cost.

    The indices of answers on which the plan turns are those of `Pair.settle`.
    """
    for answer, _ in asked:
        is_admitted(answer)
    history = must_be_possible(policy, asked, why, WAIT | RESET)
    must_tell(policy, history, admitted=admitted, denied=denied)


def count_keys(redis: Companion) -> int:
    """Redis's own DBSIZE, asked by the grader itself."""
    with socket.create_connection(redis.client_address, 10) as connection:
        connection.sendall(b"DBSIZE\r\n")
        data = b""
        while not data.endswith(b"\r\n"):
            more = connection.recv(100)
            if not more:
                raise ConnectionResetError("Redis closed the grader's own connection")
            data += more
    return int(data[1:])
