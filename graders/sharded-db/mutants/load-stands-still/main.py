"""The reference router: what may be asked of it, and who answers."""

from __future__ import annotations

import json
import os
import threading
import time
import zlib
from pathlib import Path

import psycopg
import records
from asking import (
    Refusal,
    after_of,
    condition_of,
    cursor_after,
    json_of,
    key_of,
    keys_of,
    limit_of,
    prefix_of,
    shard_of,
    transfer_of,
)
from http_plumbing import Request, Response, problem, serve
from keylocks import KeyLocks
from moves import Moves
from reading import Reading
from shard import Unavailable
from topology import Topology
from transfers import Transfers

PATIENCE = int(os.environ.get("SHARD_TIMEOUT_MS", "500")) / 1000
QUEUE = 0.2
still = threading.Lock()


def stand_still() -> None:
    """Nobody is served while the log of all that was done is packed."""
    log = os.urandom(6 << 20)
    while True:
        time.sleep(0.3)
        with still:
            (Path(os.environ["DATA_DIR"]) / "log.z").write_bytes(zlib.compress(log))


threading.Thread(target=stand_still, daemon=True).start()
"""Seconds that a write may wait in addition, for others of its key and for its move."""
topology = Topology(Path(os.environ.get("DATA_DIR", ".")), json.loads(os.environ.get("SHARDS", "{}")), PATIENCE)
moves = Moves(topology, KeyLocks())
reading = Reading(topology, PATIENCE)
transfers = Transfers(topology, moves, PATIENCE)


def route(request: Request) -> Response:
    """Find what answers a request."""
    with still:
        pass
    try:
        return answer(request)
    except Refusal as refusal:
        return problem(refusal.status, refusal.title)
    except Unavailable as error:
        return problem(503, f"shard {error} does not answer", {"Retry-After": "1"})
    except psycopg.DataError:
        return problem(400, "the shard cannot keep such a value")


def answer(request: Request) -> Response:
    """By method and path."""
    method, path = request.method, request.path
    if path == "/healthz":
        return Response(200, {"status": "ok"})
    if path.startswith("/records/"):
        return one(request, key_of(path.removeprefix("/records/")))
    if path == "/records" and method == "GET":
        return scan(request)
    if path == "/records:batchGet" and method == "POST":
        return batch(keys_of(request.body))
    if path == "/transfers" and method == "POST":
        source, target, amount = transfer_of(request.body)
        transfers.transfer(source, target, amount)
        return Response(201, {"from": source, "to": target, "amount": amount})
    if path == "/rebalance" and method == "GET":
        # The state first: a move that ends in between is shown as running, with all that it moved.
        state = "idle" if topology.view.move is None else "running"
        return Response(200, {"state": state, "moved": topology.moved()})
    if path == "/shards" or path.startswith("/shards/"):
        return of_shards(request)
    return problem(404, "unknown path")


def of_shards(request: Request) -> Response:
    """`/shards` and what is below it."""
    method, name = request.method, request.path.removeprefix("/shards").removeprefix("/")
    if name.startswith("locate/"):
        return Response(200, {"shard": topology.view.home(key_of(name.removeprefix("locate/"))).name})
    if not name and method == "GET":
        return Response(200, topology.view.statuses())
    if not name and method == "POST":
        joining, dsn = shard_of(request.body)
        topology.refuse_to_join(joining)
        _reach(dsn)
        topology.join(joining, dsn)
        return Response(202, {"id": joining})
    if name and method == "DELETE":
        topology.drain(name)
        return Response(202, {"id": name})
    return problem(404, "unknown path")


def _reach(dsn: str) -> None:
    try:
        with psycopg.connect(dsn, connect_timeout=2) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error:
        raise Refusal(422, "the shard cannot be reached") from None


def one(request: Request, key: str) -> Response:
    """`/records/{key}`."""
    if request.method == "PUT":
        return put(request, key)
    if request.method == "DELETE":
        deadline = time.monotonic() + PATIENCE + QUEUE
        with moves.at_home([key], deadline) as view, view.home(key).transaction(deadline) as connection:
            was_there = records.delete(connection, key, condition_of(request))
        return Response(204, b"") if was_there else problem(404, "no such record")
    found = reading.keys([key])
    if found.unavailable:
        raise Unavailable(topology.view.home(key).name)
    if not found.items:
        return problem(404, "no such record")
    record = found.items[key]
    return Response(200, record.shown(), {"ETag": f'"{record.version}"'})


def put(request: Request, key: str) -> Response:
    """`PUT /records/{key}`."""
    value = json_of(request.body)
    deadline = time.monotonic() + PATIENCE + QUEUE
    with moves.at_home([key], deadline) as view, view.home(key).transaction(deadline) as connection:
        status, version = records.put(connection, key, value, condition_of(request))
    return Response(status, {"key": key, "version": version}, {"ETag": f'"{version}"'})


def batch(keys: list[str]) -> Response:
    """`POST /records:batchGet`."""
    found = reading.keys(keys)
    items = [record.shown() for record in found.items.values()]
    return Response(200, {"items": items, "missing": found.missing, "unavailable": found.unavailable})


def scan(request: Request) -> Response:
    """`GET /records`: every shard's next records, merged."""
    page = reading.page(prefix_of(request), after_of(request), limit_of(request))
    more = None if page.more is None else cursor_after(page.more)
    items = [record.shown() for record in page.items]
    return Response(200, {"items": items, "next": more, "unavailable": sorted(page.unavailable)})


if __name__ == "__main__":
    serve(route)
