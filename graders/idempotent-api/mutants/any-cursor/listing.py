"""`GET /payments`: pages that stay put while payments are added."""

from __future__ import annotations

import base64
import json
import re

from asking import Refusal
from http_plumbing import Request, Response
from store import Store

LIMIT = re.compile(r"[1-9][0-9]?|100")
DEFAULT_LIMIT = "20"
LARGEST = 2**63 - 1
"""Of the numbers that SQLite has."""


def page(request: Request, tenant: str, store: Store) -> Response:
    """One page. A cursor names the last payment of the page before, not how many there were."""
    limit = read_limit(request.query.get("limit", [DEFAULT_LIMIT])[0])
    cursor = request.query.get("cursor")
    account = request.query.get("account")
    rows = store.payments(
        tenant, account[0] if account else None, read_cursor(cursor[0]) if cursor else None, limit + 1
    )
    items = [json.loads(body) for _, body in rows[:limit]]
    return Response(200, {"items": items, "next": write_cursor(rows[limit - 1][0]) if len(rows) > limit else None})


def read_limit(text: str) -> int:
    """How many payments a page has at most."""
    if not LIMIT.fullmatch(text):
        raise Refusal(400, "invalid limit")
    return int(text)


def write_cursor(number: int) -> str:
    """Opaque to clients, so that it can change some day."""
    return base64.urlsafe_b64encode(f"before {number}".encode()).decode().rstrip("=")


def read_cursor(text: str) -> int:
    """The number that a cursor of ours was made of."""
    try:
        word, _, number = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition(" ")
        if word == "before" and 1 <= int(number) <= LARGEST and write_cursor(int(number)) == text:
            return int(number)
    except ValueError:
        pass
    return 2**60
