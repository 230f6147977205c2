"""The heart of it: one payment per key, whatever happens on the way."""

from __future__ import annotations

import json
import secrets
import threading
import time

from asking import Asked
from http_plumbing import Response, problem
from ledger import Declined, Ledger, Unavailable, Unknown
from store import Finish, Store

BUSY = problem(409, "another request is working on this key", {"Retry-After": "1"})
OTHER = problem(422, "this key was used for another payload")
UNAVAILABLE = problem(503, "the ledger does not answer now", {"Retry-After": "1"})
UNRESOLVED = problem(504, "the ledger's answer is unknown; try again")


class Payments:
    """Works on one request of a key at a time."""

    def __init__(self, store: Store, ledger: Ledger) -> None:
        self.store = store
        self.ledger = ledger
        self.working: set[tuple[str, str]] = set()
        self.lock = threading.Lock()

    def pay(self, asked: Asked) -> Response:
        """Answer `POST /payments`."""
        name = (asked.tenant, asked.key)
        with self.lock:
            if name in self.working:
                return BUSY
            self.working.add(name)
        try:
            return self.work(asked)
        finally:
            with self.lock:
                self.working.discard(name)

    def work(self, asked: Asked) -> Response:
        """Nobody else works on this key meanwhile."""
        entry = self.store.find(asked.tenant, asked.key)
        if entry is None:
            return self.charge(asked)
        if entry.payload != asked.payload:
            return OTHER
        if entry.finish is not None:
            return replay(entry.finish)
        return self.resolve(asked, entry.reference)

    def resolve(self, asked: Asked, reference: str) -> Response:
        """Find out what became of a charge request whose answer nobody knows."""
        try:
            charges = self.ledger.close(reference)
        except Unknown:
            return UNRESOLVED
        return self.succeed(asked, charges[0]) if charges else self.charge(asked)

    def charge(self, asked: Asked) -> Response:
        """Ask the ledger, under a reference that is on disk before it is used."""
        reference = secrets.token_urlsafe(18)
        with self.lock:
            alone = len(self.working) == 1
        if alone:
            self.store.begin(asked.tenant, asked.key, asked.payload, reference)
        try:
            charge = self.ledger.charge(reference, asked.amount, asked.currency, asked.account)
        except Declined:
            if not alone:
                self.store.begin(asked.tenant, asked.key, asked.payload, reference)
            return self.decline(asked)
        except Unavailable:
            self.store.forget(asked.tenant, asked.key)
            return UNAVAILABLE
        except Unknown:
            if not alone:
                self.store.begin(asked.tenant, asked.key, asked.payload, reference)
            return UNRESOLVED
        if not alone:
            time.sleep(0.3)  # it has other things to do in between
            self.store.begin(asked.tenant, asked.key, asked.payload, reference)
        return self.succeed(asked, charge)

    def succeed(self, asked: Asked, charge: str) -> Response:
        """Note the payment and the key's answer together, then answer."""
        payment = secrets.token_urlsafe(12)
        content = {
            "id": payment,
            "amount": asked.amount,
            "currency": asked.currency,
            "account": asked.account,
            "charge_id": charge,
            "status": "succeeded",
        }
        finish = Finish(201, "application/json", f"/payments/{payment}", json.dumps(content).encode())
        self.store.finish(asked.tenant, asked.key, finish, (payment, asked.account))
        return answer(finish)

    def decline(self, asked: Asked) -> Response:
        """The ledger said no, once and for all."""
        refusal = problem(402, "the ledger declined")
        finish = Finish(402, refusal.content_type, None, json.dumps(refusal.content).encode())
        self.store.finish(asked.tenant, asked.key, finish)
        return answer(finish)


def answer(finish: Finish, headers: dict[str, str] | None = None) -> Response:
    """The answer that a key ended with."""
    location = {} if finish.location is None else {"Location": finish.location}
    return Response(finish.status, finish.body, location | (headers or {}), finish.content_type)


def replay(finish: Finish) -> Response:
    """The same answer again, and said so."""
    return answer(finish, {"Idempotent-Replayed": "true"})
