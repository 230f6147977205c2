"""A router in one thread, whose records move slot by slot."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import records
from aiohttp import web
from asking import Refusal, condition_of, cursor_after, json_of, key_of, members_of, scan_of, text_of
from mover import keep_moving
from shard import Connection, Shard, Unavailable, now
from topology import Topology
from transfers import Transfers

PATIENCE = int(os.environ.get("SHARD_TIMEOUT_MS", "500")) / 1000
QUEUE = 0.3


class Router:
    """All that is asked. Needs a running loop."""

    def __init__(self) -> None:
        folder = Path(os.environ["DATA_DIR"])
        self.topology = Topology(folder, json.loads(os.environ["SHARDS"]), PATIENCE)
        self.transfers = Transfers(folder, self.topology, PATIENCE)

    async def answer(self, request: web.Request) -> web.Response:
        """By method and path."""
        path, _, query = request.raw_path.partition("?")
        body = await request.read()
        if path.startswith("/records/"):
            return await self.one(request, key_of(text_of(path.removeprefix("/records/"))), body)
        if path.startswith("/shards/locate/"):
            key = key_of(text_of(path.removeprefix("/shards/locate/")))
            return shown({"shard": self.topology.owner(key)})
        match request.method, path:
            case "GET", "/healthz":
                return shown({"status": "ok"})
            case "GET", "/records":
                return await self.scan(*scan_of(query))
            case "POST", "/records:batchGet":
                return await self.batch(body)
            case "POST", "/transfers":
                return await self.transfer(body)
            case "GET", "/rebalance":
                return shown({"state": "running" if self.topology.move else "idle", "moved": self.topology.moved})
        return await self.of_shards(request.method, path, body)

    async def of_shards(self, method: str, path: str, body: bytes) -> web.Response:
        """`/shards` and what is below it."""
        if (method, path) == ("GET", "/shards"):
            return shown(self.topology.statuses())
        if (method, path) == ("POST", "/shards"):
            name, dsn = members_of(body, "id", "dsn")
            is_id = isinstance(name, str) and 1 <= len(name) <= 32
            if not is_id or set(name) - set("abcdefghijklmnopqrstuvwxyz0123456789-") or not isinstance(dsn, str):
                raise Refusal(400, "not an id and a dsn")
            self.topology.check_join(name)
            try:
                connection = await asyncpg.connect(dsn, timeout=2)
                await connection.close(timeout=2)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError):
                raise Refusal(422, "not reachable") from None
            self.topology.join(name, dsn)
            return shown({"id": name}, 202)
        if method == "DELETE" and path.startswith("/shards/"):
            self.topology.drain(path.removeprefix("/shards/"))
            return shown({}, 202)
        raise Refusal(404, "unknown path")

    async def one(self, request: web.Request, key: str, body: bytes) -> web.Response:
        """`/records/{key}`."""
        deadline = now() + PATIENCE + QUEUE
        condition = condition_of(request.headers)
        value = json_of(body) if request.method == "PUT" else None
        async with self.topology.world.shared():
            shard = self.topology.where(key)
            if request.method == "GET":
                async with shard.use(deadline) as connection:
                    found = (await records.read(connection, [key])).get(key)
                if found is None:
                    raise Refusal(404, "it is not there")
                return shown(found, etag=found["version"])
            async with shard.transaction(deadline) as connection:
                if request.method == "PUT":
                    status, version = await records.put(connection, key, value, condition)
                else:
                    await records.delete(connection, key, condition)
        if request.method == "PUT":
            return shown({"key": key, "version": version}, status, etag=version)
        return web.Response(status=204)

    async def batch(self, body: bytes) -> web.Response:
        """`POST /records:batchGet`."""
        (asked,) = members_of(body, "keys")
        if not isinstance(asked, list) or not 1 <= len(asked) <= 500:
            raise Refusal(400, "1 to 500 keys")
        keys = list(dict.fromkeys(key_of(key) for key in asked))
        deadline = now() + PATIENCE + QUEUE
        groups: dict[Shard, list[str]] = {}
        unavailable, items, missing = [], [], []
        async with self.topology.world.shared():
            for key in keys:
                try:
                    groups.setdefault(self.topology.where(key), []).append(key)
                except Unavailable:
                    unavailable.append(key)
            found = await gather(groups, lambda use, shard: records.read(use, groups[shard]), deadline)
        for shard, group in groups.items():
            if shard not in found:
                unavailable += group
                continue
            items += found[shard].values()
            missing += [key for key in group if key not in found[shard]]
        return shown({"items": items, "missing": missing, "unavailable": unavailable})

    async def scan(self, prefix: bytes, limit: int, after: str | None) -> web.Response:
        """`GET /records`."""
        deadline = now() + PATIENCE + QUEUE
        items: list[dict[str, Any]] = []
        away: set[str] = set()
        async with self.topology.world.shared():
            while True:
                part, after, silent = await self._part(prefix, after, limit - len(items), deadline)
                items += part
                away |= silent
                if after is None or len(items) == limit or now() > deadline:
                    break
        return shown({"items": items, "next": after and cursor_after(after), "unavailable": sorted(away)})

    async def _part(
        self, prefix: bytes, after: str | None, limit: int, deadline: float
    ) -> tuple[list[dict[str, Any]], str | None, set[str]]:
        shards = dict.fromkeys(self.topology.shards.values())
        pages = await gather(shards, lambda use, _: records.page(use, prefix, after, limit + 1), deadline)
        away = {shard.name for shard in shards if shard not in pages}
        found = []
        for shard, page in pages.items():
            for record in page:
                try:
                    if self.topology.where(record["key"]) is shard:
                        found.append(record)
                except Unavailable as unknown:
                    away.add(str(unknown))
        edges = [page[-1]["key"].encode() for page in pages.values() if len(page) > limit]
        found = [record for record in found if not edges or record["key"].encode() <= min(edges)]
        found.sort(key=lambda record: record["key"].encode())
        more = min(edges).decode() if edges else None
        return found[:limit], found[limit - 1]["key"] if len(found) > limit else more, away

    async def transfer(self, body: bytes) -> web.Response:
        """`POST /transfers`."""
        source, target, amount = members_of(body, "from", "to", "amount")
        is_number = isinstance(amount, int) and not isinstance(amount, bool) and amount >= 1
        if not is_number or key_of(source) == key_of(target):
            raise Refusal(400, "not an amount from 1 and two keys")
        await self.transfers.transfer(source, target, amount)
        return shown({"from": source, "to": target, "amount": amount}, 201)


async def gather(
    shards: dict[Shard, Any], ask: Callable[[Connection, Shard], Awaitable[Any]], deadline: float
) -> dict[Shard, Any]:
    """What these shards answer, those that do."""
    found = {}

    async def one(shard: Shard) -> None:
        try:
            async with shard.use(deadline) as connection:
                found[shard] = await ask(connection, shard)
        except Unavailable:
            pass

    await asyncio.gather(*map(one, shards))
    return found


def shown(content: object, status: int = 200, *, etag: int | None = None) -> web.Response:
    """An answer."""
    headers = {} if etag is None else {"ETag": f'"{etag}"'}
    return web.json_response(content, status=status, headers=headers)


def problem(status: int, title: str, headers: dict[str, str] | None = None) -> web.Response:
    """A refusal."""
    return web.json_response(
        {"title": title, "status": status}, status=status, headers=headers, content_type="application/problem+json"
    )


async def application() -> web.Application:
    """The whole of it."""
    router = Router()

    async def handle(request: web.Request) -> web.Response:
        try:
            return await router.answer(request)
        except Refusal as refusal:
            return problem(refusal.status, refusal.title)
        except Unavailable as error:
            return problem(503, f"{error} does not answer", {"Retry-After": "1"})
        except asyncpg.DataError:
            return problem(400, "the shard cannot keep that")

    async def background(_: web.Application) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(work) for work in (keep_moving(router.topology), router.transfers.keep_resolving())
        ]
        yield
        for task in tasks:
            task.cancel()

    app = web.Application()
    app.router.add_route("*", r"/{rest:[\s\S]*}", handle)  # also a newline
    app.cleanup_ctx.append(background)
    return app


if __name__ == "__main__":
    web.run_app(
        application(),
        host=os.environ.get("HOST", "127.0.0.1"),
        port=int(os.environ["PORT"]),
        access_log=None,
        print=None,
        shutdown_timeout=4,
    )
