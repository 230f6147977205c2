"""A right server of another style: one event loop, and the other choice wherever the contract leaves one.

Bare LF ends a line; equal repeated lengths are accepted; HEAD has no Content-Length; a slow head is closed without a
word; bad names are 404; a last coding other than chunked is 501; a length beyond 2^63 is 400; an ETag changes with each
PUT; a body that nobody wants closes the connection; Expect is answered even where the body has come.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import os
import re
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
TAG = re.compile(r'(?:W/)?"[^"]*"')
KNOWN = {"GET", "HEAD", "POST", "PUT", "DELETE"}
MEBIBYTE = 1 << 20
PHRASES = {200: "OK", 201: "Created", 204: "No Content", 206: "Partial Content", 304: "Not Modified"}
KEEP_ALIVE = int(os.environ.get("KEEP_ALIVE_TIMEOUT_MS", "5000")) / 1000
HEADER = int(os.environ.get("HEADER_TIMEOUT_MS", "5000")) / 1000
LINGER = 1.0
LONG = 60.0


class Bad(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


class Gone(Exception):
    pass


@dataclass
class Request:
    method: str
    target: str
    minor: int
    fields: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def get(self, name: str) -> str | None:
        found = [value for key, value in self.fields if key == name]
        return ", ".join(found) if found else None

    def words(self, name: str) -> list[str]:
        return [word.lower() for each in (self.get(name) or "").split(",") if (word := each.strip(" \t"))]


@dataclass
class Answer:
    status: int
    body: bytes = b""
    fields: dict[str, str] = field(default_factory=dict)
    stream: int = 0


class Files:
    """Each state is a file whose name holds the file's name, hashed into a folder, and whose first line is its tag."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def path(self, name: bytes) -> Path:
        # 200 bytes may become 600 letters, which no file's name may have: folders of pieces.
        quoted = quote_from_bytes(name, safe="").replace(".", "%2E")
        return self.folder.joinpath("f", *(f"_{quoted[at : at + 100]}" for at in range(0, len(quoted), 100)), "=")

    def read(self, name: bytes) -> tuple[str, bytes, int] | None:
        try:
            descriptor = os.open(self.path(name), os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            tag = file.readline().decode().strip()
            return tag, file.read(), int(os.fstat(descriptor).st_mtime)

    def write(self, name: bytes, body: bytes) -> bool:
        path = self.path(name)
        is_new = not path.exists()
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.folder / f"tmp-{secrets.token_hex(8)}"
        fresh.write_bytes(b'"%s"\n%s' % (secrets.token_hex(8).encode(), body))
        fresh.replace(path)
        return is_new

    def delete(self, name: bytes) -> bool:
        try:
            self.path(name).unlink()
        except OSError:
            return False
        return True


class Connection:
    def __init__(self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server, self.reader, self.writer = server, reader, writer
        self.is_busy = False

    async def line(self, limit: int, status: int) -> bytes:
        line = bytearray()
        while not line.endswith(b"\n"):
            try:
                line += await self.reader.readuntil(b"\n")
            except asyncio.LimitOverrunError as fault:
                line += await self.reader.read(max(fault.consumed, 1))
            except asyncio.IncompleteReadError as fault:
                raise Gone from fault
            if len(line) > limit + 2:
                raise Bad(status)
        line = line[:-2] if line.endswith(b"\r\n") else line[:-1]
        if b"\r" in line or b"\0" in line:
            raise Bad(400)
        return bytes(line)

    async def head(self, first: bytes) -> Request:
        line = first or await self.line(8400, 414)
        if not line:
            line = await self.line(8400, 414)
        parts = line.split(b" ")
        if len(parts) != 3 or not TOKEN.fullmatch(parts[0]) or not re.fullmatch(rb"[\x21-\x7e]+", parts[1]):
            raise Bad(400)
        version = re.fullmatch(rb"HTTP/([0-9])\.([0-9])", parts[2])
        if version is None:
            raise Bad(400)
        if version[1] != b"1":
            raise Bad(505)
        if len(parts[1]) > 8192:
            raise Bad(414)
        request = Request(parts[0].decode(), parts[1].decode(), int(version[2]))
        total = 0
        while line := await self.line(32768, 431):
            total += len(line) + 2
            if total > 32768:
                raise Bad(431)
            name, colon, value = line.partition(b":")
            if not colon or not TOKEN.fullmatch(name) or not VALUE.fullmatch(value):
                raise Bad(400)
            request.fields.append((name.decode().lower(), value.strip(b" \t").decode("latin-1")))
        hosts = sum(name == "host" for name, _ in request.fields)
        if hosts > 1 or (not hosts and request.minor):
            raise Bad(400)
        return request

    def framing(self, request: Request) -> int:
        """The body's length, -1 for chunks."""
        lengths = [value for name, value in request.fields if name == "content-length"]
        codings = request.words("transfer-encoding")
        if request.get("transfer-encoding") is not None:
            if lengths or not request.minor or codings.count("chunked") > 1:
                raise Bad(400)
            if codings != ["chunked"]:
                raise Bad(501)
            return -1
        lengths = [part.strip(" \t") for value in lengths for part in value.split(",")]
        if any(not re.fullmatch(r"[0-9]+", length) for length in lengths) or len({*lengths}) > 1:
            raise Bad(400)
        length = lengths[0].lstrip("0") if lengths else ""
        if len(length) > 18:
            raise Bad(400)
        if int(length or "0") > MEBIBYTE:
            raise Bad(413)
        return int(length or "0")

    async def body(self, length: int) -> bytes:
        if length >= 0:
            return await self.exactly(length)
        body = b""
        while True:
            found = re.fullmatch(rb"([0-9A-Fa-f]+)[ \t]*(;.*)?", await self.line(4096, 400))
            if found is None:
                raise Bad(400)
            size = int(found[1], 16)
            if len(body) + size > MEBIBYTE:
                raise Bad(413)
            if size == 0:
                break
            body += await self.exactly(size)
            if await self.line(0, 400):
                raise Bad(400)
        while await self.line(32768, 400):
            pass
        return body

    async def exactly(self, count: int) -> bytes:
        try:
            return await self.reader.readexactly(count)
        except asyncio.IncompleteReadError as fault:
            raise Gone from fault

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await asyncio.wait_for(self.writer.drain(), LONG)

    async def serve(self) -> None:
        with contextlib.suppress(Gone, OSError, TimeoutError):
            try:
                while await self.one():
                    pass
            except Bad as bad:
                await self.send(_head(Answer(bad.status, b"no\n"), "close", "GET") + b"no\n")
            self.writer.write_eof()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LINGER):
                    while await self.reader.read(65536):
                        pass
        self.writer.close()

    async def one(self) -> bool:
        self.is_busy = False
        try:
            first = await asyncio.wait_for(self.reader.read(1), KEEP_ALIVE)
            if not first:
                raise Gone
            async with asyncio.timeout(HEADER):
                start = b"" if first == b"\n" else first + await self.line(8400, 414) if first != b"\r" else b""
                if first == b"\r":
                    await self.exactly(1)
                request = await self.head(start)
        except TimeoutError:
            return False
        self.is_busy = True
        length = self.framing(request)
        if request.minor and length and "100-continue" in request.words("expect"):
            await self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        answer = None
        if length and request.method not in {"POST", "PUT"}:
            answer = await self.server.answer(request)  # and the body closes the connection
            stays_open = False
        else:
            request.body = await asyncio.wait_for(self.body(length), LONG)
            answer = await self.server.answer(request)
            options = request.words("connection")
            stays_open = "close" not in options and (request.minor > 0 or "keep-alive" in options)
        stays_open = stays_open and not self.server.is_stopping and (not answer.stream or request.minor > 0)
        option = "close" if not stays_open else "keep-alive" if not request.minor else ""
        is_chunked = bool(answer.stream and request.minor)
        head = _head(answer, option, request.method, is_chunked=is_chunked)
        if request.method == "HEAD":
            await self.send(head)
        elif answer.stream:
            await self.send(head)
            async for chunk in _chunks(answer.stream):
                await self.send(b"%X;n=1\r\n%b\r\n" % (len(chunk), chunk) if is_chunked else chunk)
            if is_chunked:
                await self.send(b"000\r\nX-Trailer: 1\r\n\r\n")
        else:
            await self.send(head + answer.body)
        return stays_open


def _head(answer: Answer, option: str, method: str, *, is_chunked: bool = False) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {PHRASES.get(answer.status, '')}", f"date: {formatdate(usegmt=True)}"]
    lines += [f"{name.lower()}:{value}" for name, value in answer.fields.items()]
    if is_chunked and method != "HEAD":
        lines.append("transfer-encoding: Chunked")
    elif not answer.stream and answer.status not in {204, 304} and method != "HEAD":
        lines.append(f"content-length: {len(answer.body)}")
    if option:
        lines.append(f"connection: {option}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


async def _chunks(count: int) -> AsyncIterator[bytes]:
    for index in range(1, count + 1):
        if index > 1:
            await asyncio.sleep(0.0105)
        yield b"chunk %d\n" % index


class Server:
    def __init__(self) -> None:
        self.files = Files(os.environ["FILES_DIR"])
        self.connections: dict[Connection, asyncio.Task[None]] = {}
        self.is_stopping = False

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(self, reader, writer)
        task = asyncio.current_task()
        assert task is not None
        self.connections[connection] = task
        try:
            await connection.serve()
        except asyncio.CancelledError:
            writer.close()
        finally:
            del self.connections[connection]

    async def answer(self, request: Request) -> Answer:
        if request.method not in KNOWN:
            return Answer(501)
        target = re.sub(r"^[A-Za-z][\w+.-]*://[^/?#]*(?=/|\?|$)", "", request.target)
        path = (target if target.startswith("/") else f"/{target}").partition("?")[0]
        if re.search(r"%(?![0-9A-Fa-f]{2})", path):
            return Answer(400)
        return await self.route(request, unquote_to_bytes(path))

    async def route(self, request: Request, path: bytes) -> Answer:
        method = "GET" if request.method == "HEAD" else request.method
        allowed = {b"/": "GET", b"/headers": "GET", b"/echo": "POST"}.get(path)
        prefix, _, rest = path[1:].partition(b"/")
        if allowed is None and path.count(b"/") >= 2:
            allowed = {b"echo": "GET", b"slow": "GET", b"stream": "GET", b"files": "GET PUT DELETE"}.get(prefix)
        if allowed is None:
            return Answer(404)
        if method not in allowed.split():
            return Answer(405, fields={"Allow": allowed.replace("GET", "HEAD GET").replace(" ", ",")})
        if prefix == b"files":
            return self.file(request, method, rest)
        if path == b"/headers":
            joined: dict[str, str] = {}
            for name, value in request.fields:
                joined[name] = f"{joined[name]}, {value}" if name in joined else value
            return Answer(
                200, json.dumps(joined, indent=1).encode(), {"Content-Type": "application/json;charset=utf-8"}
            )
        if method == "POST":
            kind = request.get("content-type") or "application/octet-stream"
            return Answer(200, request.body, {"Content-Type": kind})
        return await self.plain(prefix, rest)

    async def plain(self, prefix: bytes, rest: bytes) -> Answer:
        kind = {"Content-Type": "text/plain"}
        if prefix == b"echo":
            return Answer(200, rest, kind)
        if prefix == b"":
            return Answer(200, b"ok\n", kind)
        number = int(rest) if re.fullmatch(rb"[0-9]{1,5}", rest) else -1
        if prefix == b"slow" and 0 <= number <= 10_000:
            await asyncio.sleep(number / 1000)
            return Answer(200, b"ok\n", kind)
        if prefix == b"stream" and 1 <= number <= 1000:
            return Answer(200, fields=kind, stream=number)
        return Answer(400)

    def file(self, request: Request, method: str, name: bytes) -> Answer:
        if not 1 <= len(name) <= 200 or name in {b".", b".."} or set(b"/\\\0") & set(name):
            return Answer(404)
        found = self.files.read(name)
        if method == "DELETE":
            return Answer(204 if self.files.delete(name) else 404)
        if method == "PUT":
            wanted, unwanted = request.get("if-match"), request.get("if-none-match")
            if wanted is not None and (found is None or (wanted != "*" and found[0] not in TAG.findall(wanted))):
                return Answer(412)
            if unwanted == "*" and found is not None:
                return Answer(412)
            return Answer(201 if self.files.write(name, request.body) else 204)
        return Answer(404) if found is None else _serve(request, *found)

    async def run(self) -> None:
        address = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000"))
        server = await asyncio.start_server(self.accept, *address, limit=1 << 16, backlog=1024)
        done = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, done.set)
        await done.wait()
        self.is_stopping = True
        server.close()
        give_up = time.monotonic() + 4.5
        while self.connections and time.monotonic() < give_up:
            for connection, task in list(self.connections.items()):
                if not connection.is_busy:
                    task.cancel()
            await asyncio.sleep(0.02)


def _serve(request: Request, tag: str, body: bytes, modified: int) -> Answer:
    fields = {"Vary": "accept-encoding", "Accept-Ranges": "bytes"}
    weights = dict([*word.split(";"), "q=1"][:2] for word in request.words("accept-encoding"))
    weight = weights.get("gzip", weights.get("*", "q=0")).strip().removeprefix("q=")
    plain = tag
    if float(weight) > 0 and request.get("range") is None:
        body, tag = gzip.compress(body, 1), tag[:-1] + 'z"'
        fields["Content-Encoding"] = "gzip"
    fields |= {"ETag": tag, "Last-Modified": formatdate(modified, usegmt=True)}
    known, since = request.get("if-none-match"), request.get("if-modified-since")
    if known is not None:
        tags = [each.removeprefix("W/") for each in TAG.findall(known)]
        if known == "*" or tag in tags or plain in tags:
            return Answer(304, fields=fields)
    elif since is not None:
        with contextlib.suppress(ValueError):
            if modified <= parsedate_to_datetime(since).timestamp():
                return Answer(304, fields=fields)
    fields["Content-Type"] = "application/octet-stream"
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", request.get("range") or "")
    if found is None or not any(found.groups()) or request.get("if-range") not in {None, tag}:
        return Answer(200, body, fields)
    first = int(found[1]) if found[1] else max(0, len(body) - int(found[2]))
    last = min(int(found[2]) if found[1] and found[2] else len(body), len(body) - 1)
    if found[1] and found[2] and int(found[2]) < first:
        return Answer(200, body, fields)
    if first >= len(body):
        return Answer(416, fields={"Content-Range": f"bytes */{len(body)}"})
    return Answer(206, body[first : last + 1], fields | {"Content-Range": f"bytes {first}-{last}/{len(body)}"})


if __name__ == "__main__":
    asyncio.run(Server().run())
    sys.exit(0)
