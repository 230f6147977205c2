"""Your rate limiter: begin here.

`python main.py` starts it; `lab test` tests it; README.md says what it must do.
"""

from __future__ import annotations

import json
import os

from http_plumbing import Request, Response, problem, serve
from limiter import Limiter

# From the stage `shared` on REDIS_URL may be set, and then state is in Redis: redis_client.py is for that.
limiter = Limiter(json.loads(os.environ.get("POLICIES", "{}")))


def route(request: Request) -> Response:
    """Find what answers a request."""
    if request.path == "/healthz":
        return Response(200, {"status": "ok"})
    if request.path == "/stats":
        return Response(200, {"tracked_clients": limiter.tracked()})
    if request.path.startswith("/resource/"):
        return resource(request, request.path.removeprefix("/resource/"))
    return problem(404, "unknown path")


def resource(request: Request, policy: str) -> Response:
    """`GET /resource/{policy}`.

    TODO: read the client's id, request.header("X-Client-Id"), and the cost, request.query.get("cost"); refuse what the
    rules refuse (`lab spec RL-5`); ask the limiter; answer 200 or 429 (`lab spec RL-8`, `lab spec RL-9`).
    """
    raise NotImplementedError("resource() in main.py")


if __name__ == "__main__":
    serve(route)
