"""The words of this lab's checks: policies, clients, one request, a quota spent."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlencode

import http_sf
from environment import ALL, policy_name

from labrunner.checks import GRANULARITY, Answer, Ask, Client, Service, burst, fail, flood, quota, undecided

PLAIN = string.ascii_letters + string.digits + "-._"
ODD = PLAIN + "~!$'()*,;=:@\"\\#%&+/<>?[]^`{|}"
"""Every byte that a client id may have; a shell line with them is hard to read, so most ids are plain."""
BORN_WITH = ("constructor", "__proto__")
"""Names under which a JavaScript object that should be empty finds something."""
WITHIN = "A client within its limit is served."
BEYOND = "A limit that lets one more through is no limit."
FIELDS = "Clients read RateLimit fields before they run into the limit."


@dataclass(frozen=True)
class Policy:
    """One policy of the run.

    Attributes:
        window: seconds.
        burst: of a token bucket; None for as many as the limit.
    """

    name: str
    limit: int
    window: float
    algorithm: str = "fixed-window"
    burst: int | None = None

    @property
    def quota(self) -> quota.Limit:
        """As the quota oracle wants it."""
        return quota.Limit(quota.Algorithm(self.algorithm), self.limit, self.window, self.burst)

    @property
    def capacity(self) -> int:
        """K: the most units that can be had at once."""
        return self.quota.capacity


def policies(service: Service, purposes: Iterable[str]) -> dict[str, Policy]:
    """The policies of a service, by the purposes for which its environment was made, in that order."""
    tables = json.loads(service.env["POLICIES"])
    return {
        purpose: Policy(name, table["limit"], table["window_ms"] / 1000, table["algorithm"], table.get("burst"))
        for purpose, (name, table) in zip(purposes, tables.items(), strict=True)
    }


@dataclass(frozen=True)
class Filled:
    """A quota that was just spent: the first and the last answer that spent it."""

    first: Answer
    last: Answer


class Limiter:
    """The service under test, in the lab's own words."""

    def __init__(self, service: Service, client: Client, rng: random.Random) -> None:
        self.client = client
        self._rng = rng
        self._policies = policies(service, ALL)
        self._names = frozenset(policy.name for policy in self._policies.values())
        self._opened: dict[tuple[str, str], float] = {}

    def policy(self, purpose: str) -> Policy:
        """The policy that only the check of that name uses."""
        return self._policies[purpose]

    def unknown_name(self) -> str:
        """A name that no policy has."""
        return next(name for name in iter(lambda: policy_name(self._rng), None) if name not in self._names)

    def new_client(self, length: int = 12, characters: str = PLAIN) -> str:
        """A client id that nobody has used before."""
        return "".join(self._rng.choices(characters, k=length))

    def ask(self, policy: Policy | str, client: str | None, cost: str | int | None = None) -> Answer:
        """``GET /resource/{policy}``; None leaves the field or the parameter out."""
        name = policy if isinstance(policy, str) else policy.name
        query = "" if cost is None else "?" + urlencode({"cost": cost})
        headers = {} if client is None else {"X-Client-Id": client}
        answer = self.client.get(f"/resource/{name}{query}", headers=headers)
        if answer.status == 200 and not isinstance(policy, str) and client is not None:
            self._note_opening(policy, client, answer)
        return answer

    def _note_opening(self, policy: Policy, client: str, answer: Answer) -> None:
        """Remember when the pair's window opened at the earliest: when the request that may have opened it was sent."""
        opened = self._opened.get((policy.name, client))
        if opened is None or answer.sent > opened + policy.window:
            self._opened[policy.name, client] = answer.sent

    def admit(self, policy: Policy, client: str, cost: int | None = None, why: str = WITHIN) -> Answer:
        """A request that must be admitted."""
        return self.ask(policy, client, cost).expect(200, why)

    def deny(self, policy: Policy, client: str, cost: int | None = None, why: str = BEYOND) -> Answer:
        """A request that must be denied."""
        answer = self.ask(policy, client, cost)
        opened = self._opened.get((policy.name, client), answer.sent)
        if answer.status != 429:
            if answer.answered >= opened + policy.window - GRANULARITY:
                undecided("the window may have been over when a request beyond the limit was decided")
            units = f" of {cost} units" if cost else ""
            expected = f"429 for a request{units} beyond the limit of {policy.limit}"
            fail(answer, expected=expected, got=answer.line, why=why)
        return answer

    def fill(self, policy: Policy, client: str) -> Filled:
        """Spend the whole quota, a unit at a time."""
        answers = [self.admit(policy, client) for _ in range(policy.limit)]
        return Filled(answers[0], answers[-1])


def content(answer: Answer, member: str, why: str) -> object:
    """A member of the answer's JSON object; fails the check when there is none."""
    found = answer.json(why)
    if not isinstance(found, dict) or member not in found:
        fail(answer, expected=f"a JSON object with the member '{member}'", got=answer.text, why=why)
    return found[member]


def whole_number(answer: Answer, member: str, why: str) -> int:
    """A member that is a whole number."""
    value = content(answer, member, why)
    if not isinstance(value, int) or isinstance(value, bool):
        fail(answer, expected=f"'{member}' as a whole number", got=f"{member}: {value!r}", why=why)
    return value


def header(answer: Answer, name: str, why: str) -> str:
    """A header field that must be there."""
    value = answer.headers.get(name)
    if value is None:
        fail(answer, expected=f"a header field {name}", got="none", why=why)
    return value


def parameters(answer: Answer, name: str, policy: Policy) -> dict[str, object]:
    """Parameters of the policy's member of a structured field (RFC 9651)."""
    value = header(answer, name, FIELDS)
    try:
        members = cast("list[tuple[object, dict[str, object]]]", http_sf.parse(value.encode("latin-1"), tltype="list"))
    except ValueError as fault:
        fail(answer, expected=f"{name} as a structured field", got=f"{name}: {value} ({fault})", why=FIELDS)
    # A token, the name without quotes, is equal to the string but is none.
    found = [parameters for item, parameters in members if isinstance(item, str) and item == policy.name]
    if not found:
        fail(answer, expected=f'{name}: "{policy.name}";...', got=f"{name}: {value}", why=FIELDS)
    return found[0]


def must_state_quota(answer: Answer, policy: Policy, why: str = FIELDS) -> None:
    """RL-10: RateLimit-Policy with K, and the seconds of a window or those in which an empty bucket fills."""
    window_ms = round(policy.window * 1000)
    if policy.algorithm == "token-bucket":
        window_ms = -(-policy.capacity * window_ms // policy.limit)
    wanted = {"q": policy.capacity, "w": -(-window_ms // 1000)}
    told = parameters(answer, "RateLimit-Policy", policy)
    got = {key: told.get(key) for key in wanted}
    if got != wanted or not all(isinstance(value, int) for value in got.values()):
        shown = header(answer, "RateLimit-Policy", FIELDS)
        expected = f'RateLimit-Policy: "{policy.name}";q={wanted["q"]};w={wanted["w"]}'
        fail(answer, expected=expected, got=f"RateLimit-Policy: {shown}", why=why)


class Crowd:
    """Many requests at once, of a service of the check's own."""

    def __init__(self, service: Service, rng: random.Random) -> None:
        self._service = service
        self._rng = rng

    def new_client(self, length: int = 12) -> str:
        """A client id that nobody has used before."""
        return "".join(self._rng.choices(PLAIN, k=length))

    def ask(self, wanted: Sequence[tuple[Policy, str, int]]) -> list[Answer]:
        """Ask for policy, client and cost each, all at once; the answers, in that order."""
        asks = [
            Ask(f"/resource/{policy.name}" + (f"?cost={cost}" if cost != 1 else ""), {"X-Client-Id": client})
            for policy, client, cost in wanted
        ]
        return burst(self._service, asks)

    def pass_by(self, policy: Policy, clients: Iterable[str], why: str) -> None:
        """One request of each of very many clients, which must be admitted."""
        flood(self._service, [Ask(f"/resource/{policy.name}", {"X-Client-Id": client}) for client in clients], 200, why)
