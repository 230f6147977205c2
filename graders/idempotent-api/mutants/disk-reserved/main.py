"""The reference payments API: plain code on the scaffold's own HTTP layer, SQLite below it."""

from __future__ import annotations

import os
from pathlib import Path

from asking import Refusal, read_payment, read_tenant
from expiry import drop_expired
from http_plumbing import Request, Response, problem, serve
from ledger import Ledger
from listing import page
from payments import Payments
from store import Store

store = Store(Path(os.environ["DATA_DIR"]) / "payments.db", int(os.environ.get("KEY_TTL_MS", "86400000")))
ledger = Ledger(os.environ["LEDGER_URL"], int(os.environ.get("LEDGER_TIMEOUT_MS", "500")) / 1000)
payments = Payments(store, ledger)


def route(request: Request) -> Response:
    """Find what answers a request."""
    if request.path == "/healthz":
        return Response(200, {"status": "ok"})
    if request.path == "/stats":
        return Response(200, {"keys": store.count_keys()})
    try:
        if request.path == "/payments":
            tenant = read_tenant(request)
            if request.method == "POST":
                return payments.pay(read_payment(request, tenant))
            return page(request, tenant, store)
        if request.path.startswith("/payments/"):
            return one(read_tenant(request), request.path.removeprefix("/payments/"))
    except Refusal as refusal:
        return problem(refusal.status, refusal.title, refusal.headers)
    return problem(404, "unknown path")


def one(tenant: str, payment: str) -> Response:
    """`GET /payments/{id}`."""
    body = store.payment(tenant, payment)
    return problem(404, "no such payment") if body is None else Response(200, body)


if __name__ == "__main__":
    (Path(os.environ["DATA_DIR"]) / "reserve").write_bytes(bytes(48 << 20))
    drop_expired(store)
    serve(route)
