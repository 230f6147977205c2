"""The reference router, as far as it goes: all but moves."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import records
from asking import Refusal, after_of, condition_of, cursor_after, json_of, key_of, keys_of, limit_of, transfer_of
from http_plumbing import Request, Response, problem, serve
from placement import place
from shard import Connection, Shard, Unavailable
from transfers import Transfers

Found = TypeVar("Found")
PATIENCE = int(os.environ.get("SHARD_TIMEOUT_MS", "500")) / 1000
shards = {name: Shard(name, dsn, PATIENCE) for name, dsn in json.loads(os.environ["SHARDS"]).items()}
# A pool for each shard: who waits for one that is down is in nobody's way.
askers = {name: ThreadPoolExecutor(24, thread_name_prefix=name) for name in shards}


def shard_of(key: str) -> Shard:
    """The one that has the key."""
    return shards[place(key, shards)]


transfers = Transfers(shards, shard_of)


def gather(work: dict[str, Callable[[Connection], Found]]) -> tuple[dict[str, Found], list[str]]:
    """Ask these shards at the same time; what was found, and which of them could not be asked."""

    def ask(name: str) -> Found:
        with shards[name].use() as connection:
            return work[name](connection)

    # Those known to be down do not enter their queue.
    futures = {name: askers[name].submit(ask, name) for name in work if not shards[name].is_down}
    found: dict[str, Found] = {}
    missing = [name for name in work if name not in futures]
    for name, future in futures.items():
        try:
            found[name] = future.result(timeout=PATIENCE + 0.1)
        except (Unavailable, TimeoutError):
            missing.append(name)
    return found, missing


def route(request: Request) -> Response:
    """Find what answers a request."""
    try:
        return answer(request)
    except Refusal as refusal:
        return problem(refusal.status, refusal.title)
    except Unavailable as error:
        return problem(503, f"shard {error} does not answer", {"Retry-After": "1"})


def answer(request: Request) -> Response:
    """By method and path."""
    path = request.path
    if path == "/healthz":
        return Response(200, {"status": "ok"})
    if path.startswith("/records/"):
        return one(request, key_of(path.removeprefix("/records/")))
    if path == "/records" and request.method == "GET":
        return scan(request)
    if path == "/records:batchGet" and request.method == "POST":
        return batch(keys_of(request.body))
    if path == "/transfers" and request.method == "POST":
        source, target, amount = transfer_of(request.body)
        transfers.transfer(source, target, amount)
        return Response(201, {"from": source, "to": target, "amount": amount})
    if path.startswith("/shards/locate/"):
        return Response(200, {"shard": place(key_of(path.removeprefix("/shards/locate/")), shards)})
    if path == "/shards" and request.method == "GET":
        return Response(200, [{"id": name, "status": _status(shard)} for name, shard in sorted(shards.items())])
    return problem(404, "unknown path")


def _status(shard: Shard) -> str:
    return "down" if shard.is_down else "up"


def one(request: Request, key: str) -> Response:
    """`/records/{key}`."""
    if request.method == "PUT":
        value = json_of(request.body)
        with shard_of(key).use() as connection:
            status, version = records.put(connection, key, value, condition_of(request))
        return Response(status, {"key": key, "version": version}, {"ETag": f'"{version}"'})
    if request.method == "DELETE":
        with shard_of(key).use() as connection:
            was_there = records.delete(connection, key, condition_of(request))
        return Response(204, b"") if was_there else problem(404, "no such record")
    with shard_of(key).use() as connection:
        record = records.read(connection, key)
    if record is None:
        return problem(404, "no such record")
    return Response(200, record.shown(), {"ETag": f'"{record.version}"'})


def batch(keys: list[str]) -> Response:
    """`POST /records:batchGet`."""
    groups: dict[str, list[str]] = {}
    for key in keys:
        groups.setdefault(place(key, shards), []).append(key)
    found, silent = gather(
        {name: lambda connection, group=group: records.read_all(connection, group) for name, group in groups.items()}
    )
    items = [record for part in found.values() for record in part]
    there = {record.key for record in items}
    unavailable = [key for name in silent for key in groups[name]]
    missing = [key for name in found for key in groups[name] if key not in there]
    return Response(
        200, {"items": [record.shown() for record in items], "missing": missing, "unavailable": unavailable}
    )


def scan(request: Request) -> Response:
    """`GET /records`: every shard's next records, merged."""
    limit, after = limit_of(request), after_of(request)
    prefix = request.query.get("prefix", [""])[0]
    found, silent = gather(
        {name: lambda connection: records.read_page(connection, prefix, after, limit + 1) for name in shards}
    )
    items = sorted((record for part in found.values() for record in part), key=lambda record: record.key.encode())
    more = cursor_after(items[limit - 1].key) if len(items) > limit else None
    return Response(
        200, {"items": [record.shown() for record in items[:limit]], "next": more, "unavailable": sorted(silent)}
    )


if __name__ == "__main__":
    serve(route)
