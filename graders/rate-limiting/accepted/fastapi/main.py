"""An accepted solution in another style: FastAPI on uvicorn, one event loop, no lock needed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Header
from fastapi.responses import JSONResponse
from limits import KINDS, Policy, Verdict
from store import Down, Store

POLICIES = {name: Policy(name, **table) for name, table in json.loads(os.environ["POLICIES"]).items()}
CLIENT = re.compile(r"[!-~]{1,128}")
COST = re.compile(r"[1-9][0-9]{0,3}")

states: dict[tuple[str, str], object] = {}
store = Store(os.environ["REDIS_URL"]) if "REDIS_URL" in os.environ else None


@contextlib.asynccontextmanager
async def sweeping(_: FastAPI) -> AsyncIterator[None]:
    """Forget idle pairs once a second, while the service runs."""
    task = asyncio.create_task(sweep())
    yield
    task.cancel()


async def sweep() -> None:
    """Forget idle pairs, a few thousand before others have their turn."""
    while True:
        await asyncio.sleep(1)
        for count, (pair, state) in enumerate(list(states.items())):
            if state.is_idle(time.monotonic()):
                del states[pair]
            if count % 2000 == 0:
                await asyncio.sleep(0)


app = FastAPI(openapi_url=None, lifespan=sweeping)


def problem(status: int, title: str, headers: dict[str, str] | None = None, **members: object) -> JSONResponse:
    """An error body."""
    content = {"title": title, "status": status, **members}
    return JSONResponse(content, status, headers, media_type="application/problem+json")


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    """Ready."""
    return {"status": "ok"}


@app.get("/stats")
async def stats() -> dict[str, int]:
    """The pairs in this process."""
    return {"tracked_clients": len(states)}


@app.get("/resource/{name}")
async def resource(name: str, cost: str = "1", x_client_id: Annotated[str | None, Header()] = None) -> JSONResponse:
    """Refuse, or decide."""
    policy = POLICIES.get(name)
    if policy is None:
        return problem(404, "unknown policy")
    if x_client_id is None or not CLIENT.fullmatch(x_client_id):
        return problem(400, "invalid client id")
    if not COST.fullmatch(cost) or int(cost) > 1000:
        return problem(400, "invalid cost")
    if int(cost) > policy.capacity:
        return problem(422, "cost beyond the limit")
    try:
        verdict = await decide(policy, x_client_id, int(cost))
    except Down:
        return degraded(policy, x_client_id)
    return tell(policy, x_client_id, verdict)


async def decide(policy: Policy, client: str, cost: int) -> Verdict:
    """Here nothing is awaited, so nothing comes between reading the state and writing it; there a script sees to that."""
    if store is not None:
        return await store.decide(policy, client, cost)
    state = states.setdefault((policy.name, client), KINDS[policy.algorithm](policy))
    return state.decide(cost, time.monotonic())


def degraded(policy: Policy, client: str) -> JSONResponse:
    """What the policy wants while Redis is away."""
    if policy.on_store_failure == "open":
        return JSONResponse({"policy": policy.name, "client": client}, headers={"X-RateLimit-Degraded": "true"})
    return problem(503, "no store", {"Retry-After": "2"})


def tell(policy: Policy, client: str, verdict: Verdict) -> JSONResponse:
    """200 or 429."""
    wait_ms, grows_ms = math.ceil(verdict.wait * 1000), math.ceil(verdict.grows * 1000)
    headers = {
        "RateLimit-Policy": policy.field,
        "RateLimit": f'"{policy.name}";r={verdict.left};t={math.ceil(grows_ms / 1000)}',
    }
    if verdict.admitted:
        return JSONResponse({"policy": policy.name, "client": client, "remaining": verdict.left}, headers=headers)
    headers["Retry-After"] = str(math.ceil(wait_ms / 1000))
    return problem(429, "too many requests", headers, retry_after_ms=wait_ms)


if __name__ == "__main__":
    # uvicorn stops gracefully on SIGTERM, then raises the signal again for whoever handled it before.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    host, port = os.environ["HOST"], int(os.environ["PORT"])
    uvicorn.run(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=3)
