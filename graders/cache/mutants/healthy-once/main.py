"""The reference cache: plain code on the scaffold's own HTTP layer."""

from __future__ import annotations

import os

from cache import Cache
from forwarding import Origin
from http_plumbing import Request, Response, as_json, serve

origin = Origin(os.environ["ORIGIN_URL"], int(os.environ.get("ORIGIN_TIMEOUT_MS", "2000")) / 1000)
asked: list[int] = []
cache = Cache(origin, int(os.environ["CACHE_MAX_ENTRIES"]))


def answer(request: Request) -> Response:
    """Find what answers a request."""
    if request.method == "GET" and request.target == "/healthz":
        asked.append(1)
        return as_json(200 if len(asked) == 1 else 503, {"status": "ok"})
    if request.method == "GET" and request.target == "/stats":
        return cache.stats()
    if request.method == "PURGE":
        return cache.purge(request.target)
    return cache.answer(request)


if __name__ == "__main__":
    serve(answer)
