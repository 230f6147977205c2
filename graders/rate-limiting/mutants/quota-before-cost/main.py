"""The reference rate limiter: plain code on the scaffold's own HTTP layer."""

from __future__ import annotations

import os

from answers import admitted, denied
from asking import Refusal, read
from http_plumbing import Request, Response, problem, serve
from limiter import Limiter
from policies import parse

policies = parse(os.environ["POLICIES"])
limiter = Limiter()


def route(request: Request) -> Response:
    """Find what answers a request."""
    if request.path == "/healthz":
        return Response(200, {"status": "ok"})
    if request.path.startswith("/resource/"):
        return resource(request, request.path.removeprefix("/resource/"))
    return problem(404, "unknown path")


def resource(request: Request, name: str) -> Response:
    """`GET /resource/{policy}`."""
    try:
        asked = read(request, name, policies)
    except Refusal as refusal:
        return problem(refusal.status, refusal.title)
    decision = limiter.decide(asked.policy, asked.client, asked.cost)
    if asked.cost > asked.policy.capacity and decision.remaining:
        return problem(422, "this could never be admitted")
    return admitted(asked, decision) if decision.is_admitted else denied(asked, decision)


if __name__ == "__main__":
    serve(route)
