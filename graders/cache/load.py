"""The load: a few things are wanted often and many rarely (Zipf), with less room in the store than there are things.

Sent to the load generator's own process, which has Locust and the standard library only.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterator, Mapping

from labrunner.loadtest.user import RawUser, Request, get

THINGS = 1000
EXPONENT = 0.9
"""So that who forgets too much is told from who does not by some thousand requests: 0.83 of the ideal, and not 0.93."""
BODY = re.compile(rb"answer (\d+) to GET (\S+)\n")
CONTROL = "cache-control=max-age=3600"


def target(name: str) -> str:
    """Where the origin has the thing; it says itself how long it is fresh."""
    return f"/try/{name}?{CONTROL}"


class Reader(RawUser):
    """One connection."""

    @classmethod
    def plan(cls, environment: Mapping[str, str], rng: random.Random, agent: str) -> Iterator[Request]:
        """Things by their rank."""
        names = [f"{number}-{rng.randrange(10**6)}" for number in range(THINGS)]
        weights = list(itertools.accumulate(1 / (rank + 1) ** EXPONENT for rank in range(THINGS)))
        requests = [Request(name, rank, get(target(name), agent)) for rank, name in enumerate(names)]
        while True:
            yield from rng.choices(requests, cum_weights=weights, k=1000)

    @classmethod
    def read(cls, request: Request, status: int, body: bytes) -> int | None:
        """The number of the origin's answer."""
        told = BODY.fullmatch(body)
        return int(told[1]) if status == 200 and told and told[2].decode() == target(request.key) else None
