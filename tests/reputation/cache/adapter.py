"""What stands around a real cache so that the checks of the lab can read it: words, and nothing that decides.

In front: each request goes to the cache on a connection of its own, and its whole answer comes back with `Cache-Status` in
the lab's words. Behind: what the cache sends goes to the origin as it is, and answers go back with an `Age` that counts from
`Date`, as CA-12 does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

LONGEST_HEAD = 1 << 20
Fields = list[tuple[bytes, bytes]]


@dataclass
class Message:
    """A start line, fields, and what follows them."""

    start: bytes
    fields: Fields
    body: bytes = b""

    @classmethod
    def parse(cls, head: bytes) -> Message:
        """From the bytes up to the empty line."""
        start, *lines = head.rstrip(b"\r\n").split(b"\r\n")
        pairs = [line.partition(b":") for line in lines]
        return cls(start, [(name, value.strip()) for name, _, value in pairs])

    def get(self, name: bytes) -> bytes | None:
        """The first line of a field, its name in small letters."""
        return next((value for each, value in self.fields if each.lower() == name), None)

    def without(self, *names: bytes) -> Fields:
        """The other fields."""
        return [(name, value) for name, value in self.fields if name.lower() not in names]

    def head(self) -> bytes:
        """As it is sent."""
        return b"\r\n".join([self.start, *(b"%s: %s" % pair for pair in self.fields)]) + b"\r\n\r\n"


@dataclass
class Asked:
    """A request in front. `before`: what a box noted of its store when it came."""

    method: bytes
    target: bytes
    message: Message
    before: object = None
    began: float = field(default_factory=time.monotonic)


class Box:
    """A cache, as the adapter sees it; each has its own."""

    def before(self, asked: Asked) -> object:
        """What is to be remembered of the store before a request."""

    def told(self, asked: Asked, answer: Message) -> tuple[bytes, Fields]:
        """`Cache-Status`, "" for none, and the fields that the client is to see."""
        raise NotImplementedError

    def argv(self, front: Path, back: Path) -> list[str]:
        """How it is started: the sockets at which it listens, and at which its origin seems to be."""
        raise NotImplementedError


def data() -> Path:
    """Where the cache may write."""
    return Path(os.environ["DATA_DIR"])


def authority() -> str:
    """Of the origin."""
    return urlsplit(os.environ["ORIGIN_URL"]).netloc


def filled(template: str, **told: str) -> Path:
    """A configuration with what is between `@` put in, written where the cache may write."""
    text = Path(template).read_text()
    for name, value in told.items():
        text = text.replace(f"@{name}@", value)
    written = data() / template
    written.write_text(text)
    return written


def with_age(answer: Message) -> Message:
    """CA-12: the larger of what `Age` says and what `Date` says."""
    try:
        date = parsedate_to_datetime((answer.get(b"date") or b"").decode()).timestamp()
    except ValueError:
        return answer
    told = answer.get(b"age") or b""
    age = max(int(told) if told.isdigit() else 0, int(time.time() - date))
    fields = answer.without(b"age")
    return Message(answer.start, [*fields, (b"Age", b"%d" % age)] if age > 0 else fields)


class Adapter:
    """The two sides."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.busy = 0
        self.is_stopping = False

    # --- behind: from the cache to the origin ------------------------------------------------------------------------

    async def back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one exchange."""
        parts = urlsplit(os.environ["ORIGIN_URL"])
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            try:
                theirs, ours = await asyncio.open_connection(parts.hostname, parts.port, limit=LONGEST_HEAD)
            except OSError:
                writer.transport.abort()
                return
            sending = asyncio.create_task(_pour(reader, ours))
            try:
                await self.answer_back(theirs, writer, sending)
            finally:
                sending.cancel()
                ours.transport.abort()
        writer.close()

    async def answer_back(
        self, theirs: asyncio.StreamReader, writer: asyncio.StreamWriter, sending: asyncio.Task[None]
    ) -> None:
        """The origin's answer, unless the cache leaves first."""
        heading = asyncio.create_task(theirs.readuntil(b"\r\n\r\n"))
        await asyncio.wait({heading, sending}, return_when=asyncio.FIRST_COMPLETED)
        if not heading.done():
            heading.cancel()
            return
        head = await heading
        if not head.startswith(b"HTTP/1.1 "):
            writer.write(head)
            return
        answer = with_age(Message.parse(head))
        answer.fields += [(b"X-Came", b"%.6f" % time.time()), (b"Connection", b"close")]
        writer.write(answer.head())
        await _pour(theirs, writer)

    # --- in front: from a client to the cache ------------------------------------------------------------------------

    async def front(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, request after request."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, ValueError):
            while not self.is_stopping and await self.one(reader, writer):
                pass
        writer.close()

    async def one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether another one may follow."""
        message = Message.parse(await reader.readuntil(b"\r\n\r\n"))
        method, target, _ = message.start.split(b" ", 2)
        message.body = await _body(reader, message)
        if target == b"/healthz":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            return True
        self.busy += 1
        try:
            return await self.relay(Asked(method, target, message), reader, writer)
        finally:
            self.busy -= 1

    async def relay(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Ask the cache, for as long as the client is there."""
        asked.before = self.box.before(asked)
        asking = asyncio.create_task(self.ask(asked.message))
        leaving = asyncio.create_task(_left(reader))
        try:
            await asyncio.wait({asking, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                return False
            answer = await asking
        finally:
            asking.cancel()
            leaving.cancel()
        status, fields = self.box.told(asked, answer)
        status_code = int(answer.start.split(b" ")[1])
        is_bare = asked.method == b"HEAD" or status_code in {204, 304}
        length = answer.get(b"content-length")
        is_whole = is_bare or (length is not None and len(answer.body) == int(length))
        if status:
            fields = [*fields, (b"Cache-Status", b"lab; " + status)]
        if not is_whole or self.is_stopping:
            fields = [*fields, (b"Connection", b"close")]
        writer.write(Message(answer.start, fields).head() + (b"" if is_bare else answer.body))
        await writer.drain()
        return is_whole

    async def ask(self, message: Message) -> Message:
        """A connection of its own, read to its end: then the cache has stored what it stores."""
        reader, writer = await asyncio.open_unix_connection(data() / "front", limit=LONGEST_HEAD)
        try:
            writer.write(Message(message.start, [*message.fields, (b"Connection", b"close")]).head() + message.body)
            head = await reader.readuntil(b"\r\n\r\n")
            while head.startswith(b"HTTP/1.1 1"):
                head = await reader.readuntil(b"\r\n\r\n")
            answer = Message.parse(head)
            answer.body = await _to_end(reader)
        finally:
            writer.transport.abort()
        return answer


async def _to_end(reader: asyncio.StreamReader) -> bytes:
    pieces = []
    with contextlib.suppress(OSError):  # what a cache breaks off by RST ends there
        while piece := await reader.read(1 << 16):
            pieces.append(piece)
    return b"".join(pieces)


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Byte for byte, to the end."""
    with contextlib.suppress(OSError):
        while piece := await reader.read(1 << 16):
            writer.write(piece)
            await writer.drain()


async def _left(reader: asyncio.StreamReader) -> None:
    """Until the client goes away; one that only asks for more is waited for by nobody."""
    while not reader.at_eof():  # noqa: ASYNC110 - a stream has no event for its end that leaves its bytes alone
        await asyncio.sleep(0.02)


async def _body(reader: asyncio.StreamReader, message: Message) -> bytes:
    """As it came, of either framing."""
    if b"chunked" not in (message.get(b"transfer-encoding") or b""):
        return await reader.readexactly(int(message.get(b"content-length") or 0))
    pieces = []
    while True:
        pieces.append(line := await reader.readuntil(b"\r\n"))
        pieces.append(await reader.readexactly(int(line.split(b";")[0], 16) + 2))
        if int(line.split(b";")[0], 16) == 0:
            return b"".join(pieces)


def _held(serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> Any:
    """The loop itself holds its tasks by weak references only."""
    kept = set[asyncio.Task[None] | None]()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept.add(task := asyncio.current_task())
        try:
            await serve(reader, writer)
        finally:
            kept.discard(task)

    return hold


async def run(box: Box) -> None:
    """Until SIGTERM; what is in flight is finished first."""
    adapter = Adapter(box)
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    back, front = data() / "back", data() / "front"
    await asyncio.start_unix_server(_held(adapter.back), back, limit=LONGEST_HEAD, backlog=1024)
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin"  # where Debian has servers
    child = await asyncio.create_subprocess_exec(*box.argv(front, back), env=os.environ | {"PATH": path})
    while not stopping.is_set():
        with contextlib.suppress(OSError):
            (await asyncio.open_unix_connection(front))[1].close()
            break
        await asyncio.sleep(0.05)
    host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"])
    server = await asyncio.start_server(_held(adapter.front), host, port, limit=LONGEST_HEAD, backlog=1024)
    await stopping.wait()
    adapter.is_stopping = True
    server.close()
    while adapter.busy:  # noqa: ASYNC110 - a count, and no event
        await asyncio.sleep(0.02)
    child.terminate()
    await child.wait()
    os._exit(0)
