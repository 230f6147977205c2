"""The words of this lab's checks: tenants, payments, keys, and what the ledger saw of them."""

from __future__ import annotations

import json
import random
import string
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from labrunner.checks import Answer, Ask, Client, Service, Unanswered, exceeded, fail

if TYPE_CHECKING:
    from bank import Bank, Record

NAME = string.ascii_letters + string.digits + "-_"
PLAIN = string.ascii_letters + string.digits
CURRENCIES = ("EUR", "USD", "INR")
REPLAYED = "Idempotent-Replayed"
MEMBERS = ("amount", "currency", "account")
OBJECT = ("id", *MEMBERS, "charge_id", "status")
NO_FAULT = "Nothing was wrong with the ledger, so nothing is in the way of an answer."
RETRY = "A client that lost an answer sends its request again, and must not pay again."


@dataclass(frozen=True)
class Payment:
    """What a client asks for. Each check's payments have accounts of their own, by which the ledger's record is read."""

    amount: int
    currency: str
    account: str

    @property
    def body(self) -> bytes:
        """As JSON, the usual way."""
        return json.dumps(self.members).encode()

    @property
    def members(self) -> dict[str, Any]:
        """As a JSON object."""
        return {name: getattr(self, name) for name in MEMBERS}

    @property
    def name(self) -> str:
        """Equal for equal payloads; for the oracle."""
        return json.dumps(self.members)


class Shop:
    """The service under test, asked by one tenant."""

    def __init__(self, service: Service, bank: Bank, rng: random.Random, tenant: str | None = None) -> None:
        self.service = service
        self.bank = bank
        self.rng = rng
        self.tenant = tenant or "".join(rng.choices(NAME, k=12))
        self.client = service.client()
        self.patience = int(service.env["LEDGER_TIMEOUT_MS"]) / 1000

    def reconnect(self) -> None:
        """Forget a connection that ended with the service."""
        self.client.close()
        self.client = self.service.client()

    def other_tenant(self, name: str | None = None) -> Shop:
        """The same service, asked by somebody else, of that name when there is one."""
        return Shop(self.service, self.bank, self.rng, name)

    def twin(self) -> Shop:
        """The same tenant over another connection."""
        return Shop(self.service, self.bank, self.rng, self.tenant)

    def new_key(self, length: int = 16) -> str:
        """A key that nobody has used before."""
        return "".join(self.rng.choices(PLAIN, k=length))

    def new_payment(self, **members: Any) -> Payment:
        """A payment to an account that nobody has used before."""
        account = "".join(self.rng.choices(PLAIN, k=14))
        chosen = Payment(self.rng.randint(1, 10**6), self.rng.choice(CURRENCIES), account)
        return replace(chosen, **members)

    # --- asking ----------------------------------------------------------------------------------------------------

    def post(
        self,
        key: str | None,
        body: bytes,
        *,
        deadline: float | None = None,
        client: Client | None = None,
    ) -> Answer:
        """``POST /payments`` with the key as it is; None leaves the field out."""
        asking = client or self.client
        return asking.post("/payments", headers=self._fields(key), body=body, deadline=deadline or self.longest)

    def leave(self, key: str, body: bytes, *, after: float, client: Client) -> Answer | Unanswered:
        """The same by a client that gives up after so many seconds."""
        return client.attempt("/payments", method="POST", headers=self._fields(key), body=body, deadline=after)

    def ask(self, key: str, body: bytes) -> Ask:
        """The same for a burst."""
        return Ask("/payments", self._fields(key), "POST", body)

    def _fields(self, key: str | None) -> dict[str, str]:
        fields = {"Authorization": f"Bearer {self.tenant}", "Content-Type": "application/json"}
        return fields if key is None else {**fields, "Idempotency-Key": key}

    @property
    def longest(self) -> float:
        """IA-17: the longest that an answer may take, that of one that waited for another's."""
        return 2 * (4 * self.patience + 1.0)

    def pay(self, key: str, payment: Payment) -> Answer:
        """A payment asked for, whatever the answer."""
        return self.post(key, payment.body)

    def get(self, target: str, tenant: str | None = None) -> Answer:
        """A GET by this tenant."""
        return self.client.get(target, headers={"Authorization": f"Bearer {tenant or self.tenant}"})

    def page(self, **parameters: str | int) -> Answer:
        """``GET /payments``."""
        return self.get("/payments" + (f"?{urlencode(parameters)}" if parameters else ""))

    # --- asking, when only one answer is right ---------------------------------------------------------------------

    def expect(self, answer: Answer, status: int, why: str) -> Answer:
        """An answer that must have that status, with no fault injected: a time-out's status proves nothing (C-17)."""
        if answer.status in {503, 504} and status != answer.status:
            expected = f"{status}, for nothing is wrong with the ledger"
            exceeded(answer, deadline=self.patience, expected=expected, got=answer.line, why=NO_FAULT)
        return answer.expect(status, why)

    def succeed(
        self, key: str, payment: Payment, why: str = "The ledger moves the money, so the payment succeeds."
    ) -> Answer:
        """A payment that must succeed."""
        return self.expect(self.pay(key, payment), 201, why)

    def paid(self) -> tuple[str, Payment, Answer]:
        """A new payment that succeeded, with its key."""
        key, payment = self.new_key(), self.new_payment()
        return key, payment, self.succeed(key, payment)

    def must_be_charged_once(self, payment: Payment, *answers: Answer, why: str = RETRY) -> Record:
        """The ledger moved the money of that account exactly once."""
        record = self.bank.record(payment.account)
        if len(record.charges) != 1:
            expected, got = "one charge at the ledger for this payment", f"{len(record.charges)} charges"
            fail(*answers, expected=expected, got=got, why=why)
        return record

    def items(self, answer: Answer) -> list[dict[str, Any]]:
        """The payments of a page."""
        found = member(answer, "items", "A page is an object with items and next.")
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            fail(answer, expected="'items' as an array of objects", got=answer.text, why="A page lists payments.")
        return [essence(item) for item in found]


def essence(payment: Any) -> Any:
    """What the contract names of a payment's object, which may have more members (C-8)."""
    return {name: payment.get(name) for name in OBJECT} if isinstance(payment, dict) else payment


def member(answer: Answer, name: str, why: str) -> Any:
    """A member of the answer's JSON object; fails the check when there is none."""
    found = answer.json(why)
    if not isinstance(found, dict) or name not in found:
        fail(answer, expected=f"a JSON object with the member '{name}'", got=answer.text, why=why)
    return found[name]


def must_be_first(answer: Answer) -> None:
    """IA-10: no first answer says that it is a replay."""
    if REPLAYED in answer.headers:
        got = f"{REPLAYED}: {answer.headers.get(REPLAYED)}"
        fail(answer, expected=f"no field {REPLAYED}", got=got, why="This answer repeats no other: the key was new.")


def must_repeat(first: Answer, again: Answer) -> None:
    """IA-10: the same status, body bytes, ``Content-Type`` and ``Location``."""
    why = "A client that lost the first answer gets it now."
    if again.status != first.status:
        fail(first, again, expected=f"{first.line} again", got=again.line, why=why)
    if again.body != first.body:
        fail(first, again, expected="the same body, byte for byte", got=again.text, why=why)
    for name in ("Content-Type", "Location"):
        if again.headers.get(name) != first.headers.get(name):
            expected, got = f"{name}: {first.headers.get(name)}", f"{name}: {again.headers.get(name)}"
            fail(first, again, expected=expected, got=got, why=why)


def must_replay(first: Answer, again: Answer) -> None:
    """IA-10: the same answer, and said so."""
    must_repeat(first, again)
    why = "A client can tell that nothing was done now."
    if (again.headers.get(REPLAYED) or "").strip().lower() != "true":
        got = f"{REPLAYED}: {again.headers.get(REPLAYED)}" if REPLAYED in again.headers else "no such field"
        fail(first, again, expected=f"{REPLAYED}: true", got=got, why=why)
