"""A TCP proxy that delays, cuts, resets: a companion in the form of a lab's own. Standard library only.

Settings: ``target``, host and port. Control:

    GET  /             {"connections": n, "cut": bool, "delay_ms": d, "lost": direction}
    POST /cut          no byte passes either way from now on; connections, old and new, stay silent
    POST /mend         bytes flow again, those that waited too
    POST /delay        {"ms": d}: every byte arrives d ms later
    POST /lose         {"direction": "answers" | "requests" | ""}: half-open: what goes that way is lost; the rest passes
    POST /reset        every connection is reset now: {"connections": n}
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

CHUNK = 65536
WAITING = 256
"""Chunks that a delay may hold of one direction of one connection; then its reader waits, as a full pipe would."""
ANSWERS, REQUESTS = "answers", "requests"


class Proxy:
    """All connections, and what they have to suffer just now."""

    def __init__(self, host: str, port: int, target: tuple[str, int]) -> None:
        self.address = (host, port)
        self.target = target
        self.loop = asyncio.new_event_loop()
        self.flows = asyncio.Event()
        self.delay = 0.0
        self.lost = ""
        self.pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter | None]] = set()

    async def listen(self) -> None:
        """Begin to accept."""
        self.flows.set()
        await asyncio.start_server(self.accept, *self.address, limit=CHUNK, backlog=1024, reuse_address=True)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until both ends have closed, or one has broken."""
        waiting = (writer, None)
        self.pairs.add(waiting)
        try:
            await self.flows.wait()
            far_reader, far_writer = await asyncio.open_connection(*self.target, limit=CHUNK)
        except OSError:
            reset(writer)  # nobody listens there: the nearest to a refusal that a proxy can say
            return
        finally:
            self.pairs.discard(waiting)
        pair = (writer, far_writer)
        self.pairs.add(pair)
        try:
            await asyncio.gather(self.pump(reader, far_writer, REQUESTS), self.pump(far_reader, writer, ANSWERS))
            for end in (writer, far_writer):
                end.close()
        except OSError:
            for end in (writer, far_writer):
                reset(end)
        finally:
            self.pairs.discard(pair)

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: str) -> None:
        """Pass bytes on in their order, then the end."""
        chunks: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(WAITING)

        async def read() -> None:
            data = b"begin"
            while data:
                data = await reader.read(CHUNK)
                await chunks.put((self.loop.time() + self.delay, data))

        async def write() -> None:
            while True:
                due, data = await chunks.get()
                if (left := due - self.loop.time()) > 0:
                    await asyncio.sleep(left)
                await self.flows.wait()
                if not data:
                    writer.write_eof()
                    return
                if self.lost != direction:
                    writer.write(data)
                    await writer.drain()

        reading = asyncio.ensure_future(read())
        try:
            writing = asyncio.ensure_future(write())
            done, _ = await asyncio.wait((reading, writing), return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            reading.cancel()
            writing.cancel()

    async def reset_all(self) -> int:
        """Break every connection as a crashed peer would."""
        broken = list(self.pairs)
        for ends in broken:
            for end in filter(None, ends):
                reset(end)
        return len(broken)

    async def obey(self, method: str, path: str, body: dict[str, Any]) -> Any:
        """One order; it holds when the answer is sent."""
        match method, path:
            case "GET", "/":
                pass
            case "POST", "/cut":
                self.flows.clear()
            case "POST", "/mend":
                self.flows.set()
            case "POST", "/delay":
                self.delay = body["ms"] / 1000
            case "POST", "/lose":
                self.lost = body["direction"]
            case "POST", "/reset":
                return {"connections": await self.reset_all()}
            case _:
                raise LookupError(f"the fault proxy knows no {method} {path}")
        is_cut = not self.flows.is_set()
        return {
            "connections": len(self.pairs),
            "cut": is_cut,
            "delay_ms": round(self.delay * 1000),
            "lost": self.lost,
        }


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST, not FIN."""
    found = writer.get_extra_info("socket")
    if found is not None:
        with contextlib.suppress(OSError):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def start(host: str, port: int, settings: dict[str, Any]) -> Callable[[str, str, Any], Any]:
    """Listen; returns what obeys the control channel."""
    target = settings["target"]
    proxy = Proxy(host, port, (target[0], target[1]))
    proxy.loop.run_until_complete(proxy.listen())
    threading.Thread(target=proxy.loop.run_forever, daemon=True).start()

    def control(method: str, path: str, body: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(proxy.obey(method, path, body or {}), proxy.loop).result()

    return control
