"""Answers to requests that were decided, with their RateLimit fields."""

from __future__ import annotations

import math

from asking import Asked
from http_plumbing import Response, problem
from limiter import Decision
from policies import Policy


def admitted(asked: Asked, decision: Decision) -> Response:
    """200: the client had what it asked for."""
    content = {"policy": asked.policy.name, "client": asked.client, "remaining": decision.remaining}
    return Response(200, content, fields(asked.policy, decision))


def denied(asked: Asked, decision: Decision) -> Response:
    """429: it may come back after the shortest wait that helps."""
    wait_ms = asked.policy.window_ms
    headers = fields(asked.policy, decision) | {"Retry-After": str(math.ceil(wait_ms / 1000))}
    return problem(429, "too many requests", headers, retry_after_ms=wait_ms)


def fields(policy: Policy, decision: Decision) -> dict[str, str]:
    """The fields of draft-ietf-httpapi-ratelimit-headers-11."""
    reset = math.ceil(decision.wait_ms / 1000)
    return {
        "RateLimit-Policy": f'"{policy.name}";q={policy.capacity};w={policy.window_ms // 1000}',
        "RateLimit": f'"{policy.name}";r={decision.remaining};t={reset}',
    }
