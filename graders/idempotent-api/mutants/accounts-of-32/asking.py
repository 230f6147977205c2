"""What a request asks for, and the order in which bad ones are refused."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from http_plumbing import Request

BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] ([A-Za-z0-9_-]{1,64})")
BARE_KEY = re.compile(r"[\x21\x23-\x7e]{1,255}")
QUOTED_KEY = re.compile(r'"((?:[\x21\x23-\x5b\x5d-\x7e]|\\["\\])+)"')
ESCAPE = re.compile(r'\\(["\\])')
ACCOUNT = re.compile(r"[\x20-\x7e]{1,32}")
CURRENCIES = ("EUR", "USD", "INR")
MOST = 10**12
LONGEST_KEY = 255


@dataclass(frozen=True)
class Asked:
    """A payment that is asked for."""

    tenant: str
    key: str
    amount: int
    currency: str
    account: str

    @property
    def payload(self) -> str:
        """Equal for equal payloads, however they were written."""
        return json.dumps([self.amount, self.currency, self.account])


class Refusal(Exception):
    """A request that is refused before anything is looked up."""

    def __init__(self, status: int, title: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.headers = headers or {}


def read_tenant(request: Request) -> str:
    """Whose request it is."""
    lines = request.fields("Authorization")
    found = BEARER.fullmatch(lines[0]) if len(lines) == 1 else None
    if found is None:
        raise Refusal(401, "who are you?", {"WWW-Authenticate": "Bearer"})
    return found[1]


def read_payment(request: Request, tenant: str) -> Asked:
    """What `tenant` asks for."""
    key = read_key(request.fields("Idempotency-Key"))
    try:
        told = json.loads(request.body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Refusal(400, "the body is not JSON") from None
    if not isinstance(told, dict) or set(told) != {"amount", "currency", "account"}:
        raise Refusal(400, "the body is an object of amount, currency and account")
    amount, currency, account = told["amount"], told["currency"], told["account"]
    if type(amount) is not int or not 1 <= amount <= MOST:  # a bool is an int, too
        raise Refusal(400, "invalid amount")
    if currency not in CURRENCIES:
        raise Refusal(400, "invalid currency")
    if not isinstance(account, str) or not ACCOUNT.fullmatch(account):
        raise Refusal(400, "invalid account")
    return Asked(tenant, key, amount, currency, account)


def read_key(lines: list[str]) -> str:
    """The key, a structured-field string or bare."""
    if len(lines) != 1:
        raise Refusal(400, "one Idempotency-Key is needed")
    if BARE_KEY.fullmatch(lines[0]):
        return lines[0]
    quoted = QUOTED_KEY.fullmatch(lines[0])
    key = ESCAPE.sub(r"\1", quoted[1]) if quoted else ""
    if not 1 <= len(key) <= LONGEST_KEY:
        raise Refusal(400, "invalid Idempotency-Key")
    return key
