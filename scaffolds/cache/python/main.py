"""Your cache: begin here.

`python main.py` starts it; `lab test` tests it; README.md says what it must do.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from cache import Cache
from http_plumbing import Request, Response, as_json, serve

origin = urlsplit(os.environ.get("ORIGIN_URL", "http://127.0.0.1:8001"))
cache = Cache(
    origin=(origin.hostname or "", origin.port or 80),
    origin_timeout=int(os.environ.get("ORIGIN_TIMEOUT_MS", "2000")) / 1000,
    capacity=int(os.environ.get("CACHE_MAX_ENTRIES", "1000")),
)


def answer(request: Request) -> Response:
    """Find what answers a request. It is called in many threads at once."""
    if request.method == "GET" and request.target == "/healthz":
        return as_json(200, {"status": "ok"})
    if request.method == "GET" and request.target == "/stats":
        raise NotImplementedError("GET /stats in main.py: `lab spec CA-31`")
    if request.method == "PURGE":
        raise NotImplementedError("PURGE in main.py: `lab spec CA-23`")
    return cache.answer(request)


if __name__ == "__main__":
    serve(answer)
