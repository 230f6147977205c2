"""Your router: begin here.

`python main.py` starts it; `lab test` tests it; README.md says what it must do.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from http_plumbing import Request, Response, problem, serve
from shards import Shards

shards = Shards(
    folder=Path(os.environ.get("DATA_DIR", ".")),
    first=json.loads(os.environ.get("SHARDS", "{}")),
    patience=int(os.environ.get("SHARD_TIMEOUT_MS", "500")) / 1000,
)


def route(request: Request) -> Response:
    """Find what answers a request. It is called in many threads at once."""
    method, path = request.method, request.path
    if path == "/healthz":
        return Response(200, {"status": "ok"})
    if path.startswith("/records/"):
        return record(request, path.removeprefix("/records/"))
    if path == "/records" and method == "GET":
        return scan(request)
    if path == "/records:batchGet" and method == "POST":
        return batch(request)
    if path == "/shards" or path.startswith("/shards/"):
        return of_shards(request)
    if path == "/rebalance":
        return rebalance()
    if path == "/transfers" and method == "POST":
        return transfer(request)
    return problem(404, "unknown path")


def record(request: Request, encoded: str) -> Response:
    """`GET`, `PUT` and `DELETE /records/{key}`.

    TODO: decode the key once and refuse what is none (`lab spec SD-4`); put, get and delete it in its shard
    (`lab spec SD-5`, `lab spec SD-6`, `lab spec SD-7`); then versions and conditions, request.fields("If-Match")
    (`lab spec SD-16`, `lab spec SD-17`).
    """
    raise NotImplementedError("record() in main.py")


def locate(encoded: str) -> Response:
    """`GET /shards/locate/{key}`. TODO: `lab spec SD-11`, `lab spec SD-22`."""
    raise NotImplementedError("locate() in main.py")


def batch(request: Request) -> Response:
    """`POST /records:batchGet`. TODO: `lab spec SD-8`, `lab spec SD-20`."""
    raise NotImplementedError("batch() in main.py")


def scan(request: Request) -> Response:
    """`GET /records?prefix=P&limit=L&cursor=C`. TODO: `lab spec SD-9`, `lab spec SD-21`."""
    raise NotImplementedError("scan() in main.py")


def of_shards(request: Request) -> Response:
    """`GET` and `POST /shards`, `DELETE /shards/{id}`. TODO: `lab spec SD-10`, `lab spec SD-12`, `lab spec SD-13`."""
    if request.path.startswith("/shards/locate/"):
        return locate(request.path.removeprefix("/shards/locate/"))
    raise NotImplementedError("of_shards() in main.py")


def rebalance() -> Response:
    """`GET /rebalance`. TODO: `lab spec SD-14`, `lab spec SD-28`."""
    raise NotImplementedError("rebalance() in main.py")


def transfer(request: Request) -> Response:
    """`POST /transfers`. TODO: `lab spec SD-15`, `lab spec SD-30` and those after it."""
    raise NotImplementedError("transfer() in main.py")


if __name__ == "__main__":
    serve(route)
