"""An accepted solution in another style: FastAPI on uvicorn, one event loop, no lock needed."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import sys
import time
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Header
from fastapi.responses import JSONResponse

POLICIES = json.loads(os.environ["POLICIES"])
CLIENT = re.compile(r"[!-~]{1,128}")
COST = re.compile(r"[1-9][0-9]{0,3}")

app = FastAPI(openapi_url=None)
windows: dict[tuple[str, str], list[float]] = {}


def problem(status: int, title: str, headers: dict[str, str] | None = None, **members: object) -> JSONResponse:
    """An error body."""
    content = {"title": title, "status": status, **members}
    return JSONResponse(content, status, headers, media_type="application/problem+json")


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    """Ready."""
    return {"status": "ok"}


@app.get("/resource/{name}")
async def resource(name: str, cost: str = "1", x_client_id: Annotated[str | None, Header()] = None) -> JSONResponse:
    """Decide. Nothing is awaited in here, so nothing comes between reading the window and writing it."""
    policy = POLICIES.get(name)
    if policy is None:
        return problem(404, "unknown policy")
    if x_client_id is None or not CLIENT.fullmatch(x_client_id):
        return problem(400, "invalid client id")
    if not COST.fullmatch(cost) or int(cost) > 1000:
        return problem(400, "invalid cost")
    units, limit, length = int(cost), policy["limit"], policy["window_ms"] / 1000
    if units > limit:
        return problem(422, "cost beyond the limit")
    now = time.monotonic()
    opened, used = windows.get((name, x_client_id), (now, 0))
    if now - opened >= length:
        opened, used = now, 0
    is_admitted = used + units <= limit
    if is_admitted:
        used += units
        windows[name, x_client_id] = [opened, used]
    wait = opened + length - now
    headers = {
        "RateLimit-Policy": f'"{name}";q={limit};w={round(length)}',
        "RateLimit": f'"{name}";r={limit - used};t={math.ceil(wait)}',
    }
    if is_admitted:
        return JSONResponse({"policy": name, "client": x_client_id, "remaining": limit - used}, headers=headers)
    wait_ms = math.ceil(wait * 1000)
    return problem(
        429, "too many requests", headers | {"Retry-After": str(math.ceil(wait_ms / 1000))}, retry_after_ms=wait_ms
    )


if __name__ == "__main__":
    # uvicorn stops gracefully on SIGTERM, then raises the signal again for whoever handled it before.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    host, port = os.environ["HOST"], int(os.environ["PORT"])
    uvicorn.run(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=3)
