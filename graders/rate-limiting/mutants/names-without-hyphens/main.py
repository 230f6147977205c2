"""The reference rate limiter: plain code on the scaffold's own HTTP layer."""

from __future__ import annotations

import os
import re

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
    if found := re.fullmatch(r"/resource/(\w+)", request.path):
        return resource(request, found[1])
    return problem(404, "unknown path")


def resource(request: Request, name: str) -> Response:
    """`GET /resource/{policy}`."""
    try:
        asked = read(request, name, policies)
    except Refusal as refusal:
        return problem(refusal.status, refusal.title)
    decision = limiter.decide(asked.policy, asked.client, asked.cost)
    return admitted(asked, decision) if decision.is_admitted else denied(asked, decision)


if __name__ == "__main__":
    serve(route)
