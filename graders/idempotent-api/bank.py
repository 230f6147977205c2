"""The grader's side of the ledger: what it shall do, and what it saw."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labrunner.checks import undecided, wait
from labrunner.checks.once import Call, Charge, Close

if TYPE_CHECKING:
    from labrunner.checks import Companion

Step = dict[str, Any]
REACH_SECONDS = 8.0
"""So long may a request of the service's take to reach the ledger before the check gives up on this try."""
QUIET_SECONDS = 12.0
POLL_SECONDS = 0.02
AT_ONCE = 500
"""Accounts whose record is asked for at one time."""


@dataclass(frozen=True)
class Record:
    """What the ledger saw of one account.

    Attributes:
        calls: charge requests.
        orders: what was charged: amount, currency, account, ``charge_id``.
        is_final: whether nothing is left that it may still carry out.
    """

    calls: tuple[Call, ...]
    charges: tuple[Charge, ...]
    closes: tuple[Close, ...]
    orders: tuple[dict[str, Any], ...]
    is_final: bool


class Bank:
    """The ledger, in a check's words."""

    def __init__(self, companion: Companion) -> None:
        self._companion = companion
        self.url = companion.url

    def plan(self, account: str, charges: list[Step] | None = None, closes: list[Step] | None = None) -> None:
        """What becomes of the next charge and close requests of an account; after those, all goes well."""
        self._companion.control("POST", "/plan", {"account": account, "charges": charges or [], "closes": closes or []})

    def reached(self, account: str, what: str = "arrived", *, kind: str = "charge", count: int = 1) -> None:
        """Wait until so many requests of an account got so far; without them this try cannot tell."""
        body = {"account": account, "what": what, "kind": kind, "count": count, "timeout": REACH_SECONDS}
        if not self._companion.control("POST", "/await", body, timeout=REACH_SECONDS + 5.0)["reached"]:
            undecided(f"no {kind} request of the service's {what} at the ledger within {REACH_SECONDS:.0f} s")

    def release(self, account: str) -> None:
        """What is held goes on."""
        self._companion.control("POST", "/release", {"account": account})

    def record(self, account: str) -> Record:
        """What was seen of an account so far."""
        return self.records([account])[account]

    def records(self, accounts: list[str]) -> dict[str, Record]:
        """What was seen of each of these accounts so far."""
        found: dict[str, Record] = {}
        for begin in range(0, len(accounts), AT_ONCE):
            some = accounts[begin : begin + AT_ONCE]
            told = self._companion.control("POST", "/records", {"accounts": some})["records"]
            found |= {account: _read(each) for account, each in zip(some, told, strict=True)}
        return found

    def final_record(self, account: str) -> Record:
        """What was seen of an account, once the ledger has nothing left to carry out."""
        give_up = time.monotonic() + QUIET_SECONDS
        while not (record := self.record(account)).is_final and time.monotonic() < give_up:
            wait(POLL_SECONDS)
        return record


def _read(told: dict[str, Any]) -> Record:
    """As the ledger tells it."""
    calls = [call for call in told["calls"] if call["kind"] == "charge"]
    return Record(
        calls=tuple(Call(call["reference"], call["arrived"], call["was_closed"]) for call in calls),
        charges=tuple(Charge(each["charge_id"], each["reference"], each["at"]) for each in told["charges"]),
        closes=tuple(Close(close["reference"], close["at"]) for close in told["closes"]),
        orders=tuple(told["charges"]),
        is_final=told["pending"] == 0 and all(call["acted"] is not None for call in calls),
    )
