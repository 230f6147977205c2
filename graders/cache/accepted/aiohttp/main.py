"""An accepted solution in another style: aiohttp before, httpx behind, and one task per forward.

Where the contract leaves a choice it takes another one than the reference: what is stale at once and cannot be validated is
not stored, and those who waited for a forward that failed ask for themselves.
"""

from __future__ import annotations

import asyncio
import os
import signal

from aiohttp import web
from cache import Cache
from messages import Answer, Asked, problem
from multidict import CIMultiDict
from origin import Origin


def server_of(cache: Cache) -> web.Server:
    """A server that asks `cache`."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers]
        asked = Asked(request.method, request.raw_path, fields, await request.content.read())
        match asked.method, asked.target:
            case "GET", "/healthz":
                return web.json_response({"status": "ok"})
            case "GET", "/stats":
                return web.json_response(cache.stats())
            case "PURGE", target:
                return sent(Answer(204) if cache.forget(target) else problem(404, "not stored"))
        return sent(await cache.answer(asked))

    return web.Server(handle, keepalive_timeout=60.0)


def sent(answer: Answer) -> web.Response:
    """In aiohttp's words; it counts the body itself, but for relayed answers to HEAD."""
    headers = CIMultiDict(answer.fields)
    if answer.body or answer.status in {204, 304}:
        headers.popall("Content-Length", None)
    return web.Response(status=answer.status, reason=answer.reason or None, body=answer.body, headers=headers)


async def main() -> None:
    """Serve until SIGTERM, and finish what is in flight."""
    timeout = int(os.environ.get("ORIGIN_TIMEOUT_MS", "2000")) / 1000
    cache = Cache(Origin(os.environ["ORIGIN_URL"], timeout), int(os.environ["CACHE_MAX_ENTRIES"]))
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    runner = web.ServerRunner(server_of(cache), shutdown_timeout=4.0)
    await runner.setup()
    host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000"))
    await web.TCPSite(runner, host, port, backlog=1024).start()
    await stopping.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
