"""The words of this lab's checks: a router, records, conditions, and what must be answered."""

from __future__ import annotations

import json
import random
import string
from typing import Any, NoReturn
from urllib.parse import quote, urlencode

from shards import Shards

from labrunner.checks import PULSE, Answer, Ask, Service, burst, exceeded, fail, undecided

LETTERS = string.ascii_lowercase + string.digits
JSON = {"Content-Type": "application/json"}
NO_FAULT = "Nothing is wrong with the shards, so nothing is in the way of an answer."
ONE_PLACE = "A record in two places has two truths, and one in none is lost."
AT_ONCE = 16
"""Connections over which many requests are sent."""
SLACK = 0.5
"""SD-25: so much longer than a shard's time-out an answer may take."""


class Router:
    """The service under test.

    Args:
        service: it.
        shards: behind it.
        rng: of the check.

    Attributes:
        patience: its SHARD_TIMEOUT_MS, in seconds.
    """

    def __init__(self, service: Service, shards: Shards, rng: random.Random) -> None:
        self.service = service
        self.shards = shards
        self.rng = rng
        self.patience = int(service.env["SHARD_TIMEOUT_MS"]) / 1000
        self.longest = self.patience + SLACK + 2.0
        self.client = service.client()

    def reconnect(self) -> None:
        """Forget a connection that ended with the service."""
        self.client.close()
        self.client = self.service.client()

    def new_key(self, tag: str = "k") -> str:
        """A key that nobody has used before."""
        return f"{tag}-{''.join(self.rng.choices(LETTERS, k=12))}"

    def new_keys(self, count: int, tag: str = "k") -> list[str]:
        """Several, with nothing in common but the tag."""
        return [self.new_key(tag) for _ in range(count)]

    # --- asking, whatever the answer -------------------------------------------------------------------------------

    def ask(self, method: str, target: str, fields: dict[str, str] | None = None, body: bytes = b"") -> Answer:
        """One request."""
        headers = {**(JSON if body else {}), **(fields or {})}
        return self.client.request(method, target, headers=headers, body=body, deadline=self.longest)

    def put(self, key: str, value: Any, fields: dict[str, str] | None = None) -> Answer:
        """``PUT /records/{key}``."""
        return self.ask("PUT", record(key), fields, encoded(value))

    def get(self, key: str) -> Answer:
        """``GET /records/{key}``."""
        return self.ask("GET", record(key))

    def delete(self, key: str, fields: dict[str, str] | None = None) -> Answer:
        """``DELETE /records/{key}``."""
        return self.ask("DELETE", record(key), fields)

    def batch(self, keys: list[str]) -> Answer:
        """``POST /records:batchGet``."""
        return self.ask("POST", "/records:batchGet", body=encoded({"keys": keys}))

    def scan(self, **parameters: str | int) -> Answer:
        """``GET /records``."""
        return self.ask("GET", "/records" + (f"?{urlencode(parameters, quote_via=quote)}" if parameters else ""))

    def transfer(self, source: str, target: str, amount: Any) -> Answer:
        """``POST /transfers``."""
        return self.ask("POST", "/transfers", body=encoded({"from": source, "to": target, "amount": amount}))

    # --- asking, when only one answer is right ---------------------------------------------------------------------

    def expect(self, answer: Answer, status: int, why: str) -> Answer:
        """An answer that must have that status, with no fault injected: a 503 proves nothing by itself (C-17)."""
        if answer.status == 503 and status != 503:
            self.too_slow(answer, expected=f"{status}", got=answer.line, why=NO_FAULT)
        return answer.expect(status, why)

    def too_slow(self, answer: Answer, *, expected: str, got: str, why: str, deadline: float | None = None) -> NoReturn:
        """An answer that a stalled machine can cause."""
        limit = self.patience if deadline is None else deadline
        if PULSE.lost(answer.sent, answer.answered) > min(limit, 1.0) / 10:
            undecided("the machine had no CPU time to give")
        exceeded(answer, deadline=limit, expected=expected, got=got, why=why)

    def store(self, key: str, value: Any) -> int:
        """A PUT of a record that is absent; its version."""
        answer = self.expect(self.put(key, value), 201, "The record was absent, so it is created.")
        return version_of(answer, "A creation tells the record's version.")

    def update(self, key: str, value: Any) -> int:
        """A PUT of a record that is present; its version."""
        answer = self.expect(self.put(key, value), 200, "The record was there, so it is updated.")
        return version_of(answer, "An update tells the record's version.")

    def must_have(self, key: str, value: Any, version: int, why: str) -> Answer:
        """SD-6: the record is read so."""
        answer = self.expect(self.get(key), 200, why)
        must_be_item(answer, answer.json(why), key, value, version, why)
        must_have_etag(answer, version, why)
        return answer

    def must_lack(self, key: str, why: str) -> Answer:
        """SD-6: the record is absent."""
        return self.expect(self.get(key), 404, why)

    def locate(self, key: str) -> str:
        """SD-11."""
        answer = self.expect(self.ask("GET", f"/shards/locate/{quote(key, safe='')}"), 200, "Every key has a place.")
        return shard_in(answer)

    def statuses(self) -> dict[str, str]:
        """SD-10: the shards' ids and statuses."""
        why = "GET /shards lists the shards."
        answer = self.expect(self.ask("GET", "/shards"), 200, why)
        found = answer.json(why)
        if not isinstance(found, list) or not all(isinstance(each, dict) and "id" in each for each in found):
            fail(answer, expected='a list of objects with "id" and "status"', got=answer.text, why=why)
        return {str(each["id"]): str(each.get("status")) for each in found}

    # --- many at once ----------------------------------------------------------------------------------------------

    def all_at_once(self, asks: list[Ask], connections: int = AT_ONCE) -> list[Answer]:
        """Requests over several connections."""
        return burst(self.service, asks, connections=connections)

    def fill(self, keys: list[str], value: Any = None) -> dict[str, int]:
        """Create all of them; their versions. The value is the key where none is given."""
        asks = [Ask(record(key), JSON, "PUT", encoded(key if value is None else value)) for key in keys]
        answers = self.all_at_once(asks)
        why = "The record was absent, so it is created."
        return {key: version_of(self.expect(answer, 201, why), why) for key, answer in zip(keys, answers, strict=True)}

    def locate_all(self, keys: list[str]) -> dict[str, str]:
        """SD-11, of many keys."""
        answers = self.all_at_once([Ask(f"/shards/locate/{quote(key, safe='')}") for key in keys])
        why = "Every key has a place."
        return {key: shard_in(self.expect(answer, 200, why)) for key, answer in zip(keys, answers, strict=True)}


def record(key: str) -> str:
    """The target of a record."""
    return f"/records/{quote(key, safe='')}"


def encoded(value: Any) -> bytes:
    """JSON, as a body."""
    return json.dumps(value, ensure_ascii=False).encode()


def etag(version: int) -> str:
    """As a field's value."""
    return f'"{version}"'


def if_match(version: int) -> dict[str, str]:
    """The condition that this is the version now."""
    return {"If-Match": etag(version)}


IF_ABSENT = {"If-None-Match": "*"}


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal as JSON: true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(*pair) for pair in zip(one, other, strict=True))
    return bool(one == other)


def member(answer: Answer, name: str, why: str) -> Any:
    """A member of the answer's JSON object; fails the check when there is none."""
    found = answer.json(why)
    if not isinstance(found, dict) or name not in found:
        fail(answer, expected=f"a JSON object with the member '{name}'", got=answer.text, why=why)
    return found[name]


def shard_in(answer: Answer) -> str:
    """The shard that an answer of locate names."""
    return str(member(answer, "shard", "A key has one shard."))


def version_of(answer: Answer, why: str) -> int:
    """SD-5, SD-16: the version that a PUT tells, which its ETag tells too."""
    found = member(answer, "version", why)
    if isinstance(found, bool) or not isinstance(found, int) or not 1 <= found < 2**53:
        fail(answer, expected="a version from 1 to 2^53-1", got=repr(found), why="A client keeps versions as numbers.")
    must_have_etag(answer, found, why)
    return found


def must_have_etag(answer: Answer, version: int, why: str) -> None:
    """The field ``ETag`` names this version."""
    if (got := answer.headers.get("ETag")) != etag(version):
        fail(answer, expected=f"ETag: {etag(version)}", got=f"ETag: {got}" if got else "no ETag", why=why)


def must_be_item(answer: Answer, item: Any, key: str, value: Any, version: int, why: str) -> None:
    """SD-6: an object with key, value and version."""
    wanted = {"key": key, "value": value, "version": version}
    has_all = isinstance(item, dict) and all(name in item for name in wanted)
    if not has_all or not all(same(item[name], wanted[name]) for name in wanted):
        fail(answer, expected=shown(wanted), got=shown(item), why=why)


def items_of(answer: Answer, why: str) -> dict[str, Any]:
    """The items of a batch or a page, by key in their order; fails when a key comes twice."""
    found = member(answer, "items", why)
    if not isinstance(found, list) or not all(isinstance(item, dict) and "key" in item for item in found):
        fail(answer, expected="'items' as a list of records", got=answer.text, why=why)
    items = {item["key"]: item for item in found}
    if len(items) != len(found):
        twice = next(key for key in items if sum(item["key"] == key for item in found) > 1)
        fail(answer, expected=f"the key {twice!r} once", got="it is there twice", why=why)
    return items


def shown(value: Any) -> str:
    """As JSON, not too long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 300 else f"{text[:297]}..."
