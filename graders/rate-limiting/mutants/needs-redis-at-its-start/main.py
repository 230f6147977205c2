"""The reference rate limiter: plain code on the scaffold's own HTTP layer."""

from __future__ import annotations

import os
import socket
from urllib.parse import urlsplit

from answers import admitted, denied, undecided
from asking import Refusal, read
from http_plumbing import Request, Response, problem, serve
from memory import Memory
from policies import parse
from redis_client import Redis
from shared import Shared, StoreFailure

policies = parse(os.environ["POLICIES"])
limiter = Shared(Redis(os.environ["REDIS_URL"])) if "REDIS_URL" in os.environ else Memory()


def route(request: Request) -> Response:
    """Find what answers a request."""
    if request.path == "/healthz":
        return Response(200, {"status": "ok"})
    if request.path == "/stats":
        return Response(200, {"tracked_clients": limiter.tracked()})
    if request.path.startswith("/resource/"):
        return resource(request, request.path.removeprefix("/resource/"))
    return problem(404, "unknown path")


def resource(request: Request, name: str) -> Response:
    """`GET /resource/{policy}`."""
    try:
        asked = read(request, name, policies)
    except Refusal as refusal:
        return problem(refusal.status, refusal.title)
    try:
        decision = limiter.decide(asked.policy, asked.client, asked.cost)
    except StoreFailure:
        return undecided(asked)
    return admitted(asked, decision) if decision.is_admitted else denied(asked, decision)


if __name__ == "__main__":
    if "REDIS_URL" in os.environ:
        where = urlsplit(os.environ["REDIS_URL"])
        socket.create_connection((str(where.hostname), where.port or 6379), 5).close()
    serve(route)
