"""What a request asks for, and the order in which bad ones are refused."""

from __future__ import annotations

import re
from dataclasses import dataclass

from http_plumbing import Request
from policies import Policy

CLIENT = re.compile(r"[\x21-\x7e]{1,128}")
COST = re.compile(r"[1-9][0-9]{0,3}")
MOST = 1000


@dataclass(frozen=True)
class Asked:
    """A request that may be decided."""

    policy: Policy
    client: str
    cost: int


class Refusal(Exception):
    """A request that is refused before any quota is looked at."""

    def __init__(self, status: int, title: str) -> None:
        super().__init__(title)
        self.status = status
        self.title = title


def read(request: Request, name: str, policies: dict[str, Policy]) -> Asked:
    """What `request` asks of the policy `name`."""
    policy = policies.get(name)
    if policy is None:
        raise Refusal(404, "unknown policy")
    client = request.header("X-Client-Id")
    if client is None or not CLIENT.fullmatch(client):
        raise Refusal(400, "missing or invalid client id")
    cost = read_cost(request.query.get("cost", ["1"])[0])
    return Asked(policy, client, cost)


def read_cost(text: str) -> int:
    """The cost units of a request."""
    if not COST.fullmatch(text) or int(text) > MOST:
        raise Refusal(400, "invalid cost")
    return int(text)
