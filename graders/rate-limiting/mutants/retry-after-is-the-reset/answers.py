"""Answers to requests that were decided, with their RateLimit fields, and to those that could not be."""

from __future__ import annotations

from asking import Asked
from decision import Decision, up
from http_plumbing import Response, problem
from policies import Policy

MILLISECOND = 1_000
SECOND = 1_000_000


def admitted(asked: Asked, decision: Decision) -> Response:
    """200: the client had what it asked for."""
    content = {"policy": asked.policy.name, "client": asked.client, "remaining": decision.remaining}
    return Response(200, content, fields(asked.policy, decision))


def denied(asked: Asked, decision: Decision) -> Response:
    """429: it may come back after the shortest wait that helps."""
    wait_ms = up(decision.wait_us, MILLISECOND)
    headers = fields(asked.policy, decision) | {"Retry-After": str(up(decision.grows_us, SECOND))}
    return problem(429, "too many requests", headers, retry_after_ms=wait_ms)


def undecided(asked: Asked) -> Response:
    """The store failed: let everyone in, or no one, as the policy says."""
    if asked.policy.on_store_failure == "open":
        content = {"policy": asked.policy.name, "client": asked.client}
        return Response(200, content, {"X-RateLimit-Degraded": "true"})
    return problem(503, "the store of the limits does not answer", {"Retry-After": "1"})


def fields(policy: Policy, decision: Decision) -> dict[str, str]:
    """The fields of draft-ietf-httpapi-ratelimit-headers-11."""
    window = up(policy.fills_in_us, SECOND)
    reset = up(decision.grows_us, SECOND)
    return {
        "RateLimit-Policy": f'"{policy.name}";q={policy.capacity};w={window}',
        "RateLimit": f'"{policy.name}";r={decision.remaining};t={reset}',
    }
