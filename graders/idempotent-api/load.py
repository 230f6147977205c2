"""The load: a retry storm. Every payment is sent three times, some at once, and the ledger misbehaves for some of them.

Sent to the load generator's own process, which has Locust and the standard library only.
"""

from __future__ import annotations

import json
import random
import string
import zlib
from collections.abc import Iterator, Mapping

from labrunner.loadtest.user import RawUser, Request

LIVE = 8
"""Payments that are new at one time."""
RETURNING = 4
"""Payments of long ago that are sent once more after each group."""
MOODS = ("", "", "", "", "", "", "declined", "unavailable", "charged", "nothing")
"""What the ledger does at an account's first charge request; see `companions/ledger.py`."""
CURRENCIES = ("EUR", "USD", "INR")
LETTERS = string.ascii_letters + string.digits


class Payer(RawUser):
    """One connection."""

    # A misbehaving ledger makes for 503 and 504; `test_10_load` sees that no others are given.
    answers = frozenset({201, 402, 409, 503, 504})

    @classmethod
    def plan(cls, environment: Mapping[str, str], rng: random.Random, agent: str) -> Iterator[Request]:
        """Payments come in groups: each twice in a row, and a third time among those of the next group."""
        past: list[Request] = []
        retried: list[Request] = []
        while True:
            group = [cls.payment(rng, agent) for _ in range(LIVE)]
            sent = [*(request for request in group for _ in range(2))]
            for request in retried:
                sent.insert(rng.randrange(len(sent) + 1), request)
            yield from sent
            # A retry may come when thousands of other payments have been made: a key is kept for its time.
            yield from rng.sample(past, min(len(past), RETURNING))
            past += retried
            retried = group

    @classmethod
    def payment(cls, rng: random.Random, agent: str) -> Request:
        """A new one; its account tells the ledger how to behave, and the judge which payment it is."""
        tenant, key, name = ("".join(rng.choices(LETTERS, k=12)) for _ in range(3))
        mood = rng.choice(MOODS)
        account = f"storm {mood} {name}" if mood else f"calm {name}"
        amount = rng.randint(1, 10**6)
        body = json.dumps({"amount": amount, "currency": rng.choice(CURRENCIES), "account": account})
        head = (
            "POST /payments HTTP/1.1",
            "Host: lab",
            f"User-Agent: {agent}",
            f"Authorization: Bearer {tenant}",
            f"Idempotency-Key: {key}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        )
        return Request(account, amount, "\r\n".join([*head, "", body]).encode())

    @classmethod
    def read(cls, request: Request, status: int, body: bytes) -> int | None:
        """Of a 201, a number for its charge's id (as `test_10_load.number` makes it); of another right answer, 0."""
        if status != 201:
            return 0 if status in {402, 409, 503, 504} else None
        try:
            told = json.loads(body)
            is_right = (told["account"], told["amount"], told["status"]) == (request.key, request.tag, "succeeded")
            return zlib.crc32(str(told["charge_id"]).encode()) >> 1 if is_right else None
        except (ValueError, KeyError, TypeError):
            return None
