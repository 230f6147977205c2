"""The load: many connections, a few clients at a time, each asking for about twice what it may have.

So both answers are frequent, and several requests of one client are under way at once. Sent to the load generator's own
process, which has Locust and the standard library only.
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Iterator, Mapping

from labrunner.loadtest.user import RawUser, Request, get

LIVE = 8
"""Clients that are asking at one time."""
RETURNING = 6
"""Requests of earlier clients after each group."""
COSTS = (1, 1, 1, 2, 3)
CLIENT = b"CLIENT-ID-PLACE"


class Caller(RawUser):
    """One connection."""

    answers = frozenset({200, 429})

    @classmethod
    def plan(cls, environment: Mapping[str, str], rng: random.Random, agent: str) -> Iterator[Request]:
        """Clients come in groups; when a group has asked for twice its quotas, the next one comes."""
        policies = json.loads(environment["POLICIES"])
        names = sorted(policies)
        forms = {
            (name, cost): get(f"/resource/{name}?cost={cost}", agent, f"X-Client-Id: {CLIENT.decode()}\r\n")
            for name in names
            for cost in set(COSTS)
        }
        past: list[Request] = []
        letters = string.ascii_letters + string.digits
        while True:
            group = []
            for _ in range(LIVE):
                name = rng.choice(names)
                client = "".join(rng.choices(letters, k=12))
                wanted = 2 * policies[name]["limit"]
                while wanted > 0:
                    cost = rng.choice(COSTS)
                    wanted -= cost
                    data = forms[name, cost].replace(CLIENT, client.encode())
                    group.append(Request(f"{name} {client}", cost, data))
            rng.shuffle(group)
            # Some come back later, when many others have been there: a quota that is spent is not forgotten.
            returning = rng.sample(past, min(len(past), RETURNING))
            past += group[::LIVE]
            yield from group
            yield from returning

    @classmethod
    def read(cls, request: Request, status: int, body: bytes) -> int | None:
        """What is left, of a 200; of a 429, the wait in ms."""
        try:
            told = json.loads(body)
            if status == 429:
                value = told["retry_after_ms"]
            else:
                value = told["remaining"] if f"{told['policy']} {told['client']}" == request.key else None
        except (ValueError, KeyError, TypeError):
            return None
        return value if type(value) is int and 0 <= value < 2**31 else None
