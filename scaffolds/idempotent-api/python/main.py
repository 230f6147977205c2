"""Your payments API: begin here.

`python main.py` starts it; `lab test` tests it; README.md says what it must do.
"""

from __future__ import annotations

import os
from pathlib import Path

from http_plumbing import Request, Response, problem, serve
from payments import Payments

payments = Payments(
    folder=Path(os.environ.get("DATA_DIR", ".")),
    ledger_url=os.environ.get("LEDGER_URL", ""),
    ledger_timeout=int(os.environ.get("LEDGER_TIMEOUT_MS", "500")) / 1000,
    key_ttl=int(os.environ.get("KEY_TTL_MS", "86400000")) / 1000,
)


def route(request: Request) -> Response:
    """Find what answers a request. It is called in many threads at once."""
    if request.path == "/healthz":
        return Response(200, {"status": "ok"})
    if request.path == "/stats":
        return stats()
    if request.path == "/payments" and request.method == "POST":
        return create(request)
    if request.path == "/payments":
        return page(request)
    if request.path.startswith("/payments/"):
        return one(request, request.path.removeprefix("/payments/"))
    return problem(404, "unknown path")


def create(request: Request) -> Response:
    """`POST /payments`.

    TODO: read the tenant, request.fields("Authorization"), the key, request.fields("Idempotency-Key"), and the payload,
    request.body; refuse what the rules refuse (`lab spec IA-5`, `lab spec IA-6`, `lab spec IA-7`); let `payments` charge
    it; answer 201 with Location (`lab spec IA-9`).
    """
    raise NotImplementedError("create() in main.py")


def one(request: Request, payment: str) -> Response:
    """`GET /payments/{id}`. TODO: `lab spec IA-18`."""
    raise NotImplementedError("one() in main.py")


def page(request: Request) -> Response:
    """`GET /payments?account=A&limit=L&cursor=C`. TODO: `lab spec IA-19`, `lab spec IA-20`."""
    raise NotImplementedError("page() in main.py")


def stats() -> Response:
    """`GET /stats`. TODO: `lab spec IA-24`."""
    raise NotImplementedError("stats() in main.py")


if __name__ == "__main__":
    serve(route)
