"""The load: reads, writes, deletes and batches of records, several at once about one key.

Sent to the load generator's own process, which has Locust and the standard library only.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping

from labrunner.loadtest.user import RawUser, Request, get

LIVE = 60
"""Keys that are in use at one time."""
ASKED = 2_000
"""Requests until others are; then few enough of each key for the judge."""
BATCH = 10
DELETES, READS = -1, 0
"""Tags; those above 0 are the values that are written. None is written twice."""
ABSENT = 0
"""In place of a value: there is no record."""


class Caller(RawUser):
    """One connection."""

    answers = frozenset({200, 201, 204, 404})

    @classmethod
    def plan(cls, environment: Mapping[str, str], rng: random.Random, agent: str) -> Iterator[Request]:
        """Half of it reads; keys come in groups."""
        written = group = 0
        while True:
            group += 1
            keys = [f"load-{group}-{rng.randrange(10**9)}" for _ in range(LIVE)]
            for _ in range(ASKED):
                key, kind = rng.choice(keys), rng.random()
                if kind < 0.5:
                    yield Request(key, READS, get(f"/records/{key}", agent))
                elif kind < 0.88:
                    written += 1
                    yield Request(key, written, _with_body("PUT", f"/records/{key}", agent, str(written)))
                elif kind < 0.95:
                    yield Request(key, DELETES, _with_body("DELETE", f"/records/{key}", agent, ""))
                else:
                    body = json.dumps({"keys": rng.sample(keys, BATCH)})
                    yield Request("", READS, _with_body("POST", "/records:batchGet", agent, body))

    @classmethod
    def read(cls, request: Request, status: int, body: bytes) -> int | None:
        """Of a read, the value, or `ABSENT`; of another right answer, 0."""
        if status == 503:
            return 0
        if request.tag == DELETES:
            return 0 if status in {204, 404} else None
        try:
            told = json.loads(body) if status in {200, 201} else {}
            if not request.key:
                return 0 if status == 200 and _is_whole(request, told) else None
            if request.tag > 0:
                return 0 if status in {200, 201} and told["key"] == request.key and told["version"] > 0 else None
            if status == 404:
                return ABSENT
            value = told["value"]
            is_right = status == 200 and told["key"] == request.key and type(value) is int and 0 < value < 2**31
        except (ValueError, KeyError, TypeError):
            return None
        return value if is_right else None


def _with_body(method: str, target: str, agent: str, body: str) -> bytes:
    """A request; an empty body is none."""
    fields = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    head = f"{method} {target} HTTP/1.1\r\nHost: lab\r\nUser-Agent: {agent}\r\nAccept: */*\r\n"
    return f"{head}{fields}\r\n{body}".encode()


def _is_whole(request: Request, told: Mapping[str, list[object]]) -> bool:
    """Whether a batch has each of its keys once."""
    asked = json.loads(request.data.partition(b"\r\n\r\n")[2])["keys"]
    found = [item["key"] for item in told["items"] if isinstance(item, dict)]
    return sorted([*found, *map(str, told["missing"]), *map(str, told["unavailable"])]) == sorted(asked)
