"""An accepted solution in another style: aiohttp, and optimistic transactions in the place of scripts."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator

from aiohttp import web
from states import Policy, Verdict, up
from stores import Down, Memory, Shared

CLIENT = re.compile(r"[\x21-\x7e]{1,128}")
COST = re.compile(r"[1-9][0-9]{0,3}")
POLICIES = {
    name: Policy(
        name,
        table["algorithm"],
        table["limit"],
        table["window_ms"] * 1000,
        table.get("burst", table["limit"]),
        table.get("on_store_failure", "closed"),
    )
    for name, table in json.loads(os.environ["POLICIES"]).items()
}
routes = web.RouteTableDef()
LIMITER: web.AppKey[Memory | Shared] = web.AppKey("limiter", object)


@routes.get("/healthz")
async def healthz(_: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


@routes.get("/stats")
async def stats(request: web.Request) -> web.Response:
    return web.json_response({"tracked_clients": request.app[LIMITER].tracked()})


@routes.get("/resource/{policy}")
async def resource(request: web.Request) -> web.Response:
    """Refuse, or decide."""
    policy = POLICIES.get(request.match_info["policy"])
    client = request.headers.get("X-Client-Id", "")
    cost = request.query.get("cost", "1")
    if policy is None:
        return problem(404, "unknown policy")
    if not CLIENT.fullmatch(client):
        return problem(400, "invalid client id")
    if not COST.fullmatch(cost) or int(cost) > 1000:
        return problem(400, "invalid cost")
    if int(cost) > policy.capacity:
        return problem(422, "cost beyond the limit")
    try:
        return decided(policy, client, await request.app[LIMITER].decide(policy, client, int(cost)))
    except Down:
        return degraded(policy, client)


@routes.get("/{path:.*}")
async def unknown(_: web.Request) -> web.Response:
    return problem(404, "unknown path")


def decided(policy: Policy, client: str, verdict: Verdict) -> web.Response:
    """200 or 429."""
    window = up(policy.capacity * policy.window, policy.limit * 1_000_000)
    headers = {
        "RateLimit-Policy": f'"{policy.name}";q={policy.capacity};w={window}',
        "RateLimit": f'"{policy.name}";r={verdict.left};t={up(verdict.grows, 1_000_000)}',
    }
    if verdict.admitted:
        content = {"policy": policy.name, "client": client, "remaining": verdict.left}
        return web.json_response(content, headers=headers)
    headers["Retry-After"] = str(up(verdict.wait, 1_000_000))
    return problem(429, "too many requests", headers, retry_after_ms=up(verdict.wait, 1000))


def degraded(policy: Policy, client: str) -> web.Response:
    """What the policy wants while Redis is away."""
    if policy.on_store_failure == "open":
        return web.json_response({"policy": policy.name, "client": client}, headers={"X-RateLimit-Degraded": "true"})
    return problem(503, "no store", {"Retry-After": "1"})


def problem(status: int, title: str, headers: dict[str, str] | None = None, **members: object) -> web.Response:
    """An error body."""
    content = {"title": title, "status": status, **members}
    return web.json_response(content, status=status, headers=headers, content_type="application/problem+json")


async def limiting(app: web.Application) -> AsyncIterator[None]:
    """The limiter lives as long as the service."""
    app[LIMITER] = Shared(os.environ["REDIS_URL"]) if "REDIS_URL" in os.environ else Memory()
    cleaning = asyncio.create_task(app[LIMITER].clean())
    yield
    cleaning.cancel()


def main() -> None:
    """Serve until SIGTERM, which aiohttp handles."""
    app = web.Application()
    app.add_routes(routes)
    app.cleanup_ctx.append(limiting)
    host, port = os.environ["HOST"], int(os.environ["PORT"])
    web.run_app(app, host=host, port=port, backlog=1024, shutdown_timeout=2, access_log=None, print=None)


if __name__ == "__main__":
    main()
