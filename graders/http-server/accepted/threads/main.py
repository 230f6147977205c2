"""A right server of a third style: `socketserver`, a thread for each connection, a buffered file to read from.

A file has no deadline, so a watchman has them all, and shuts the reading side of a connection that is late. Where the contract
leaves a choice it is one that the others do not make: two equal lengths are refused, small files are compressed too, either tag
of a file is known, every answer says what becomes of the connection, and a connection without a byte has the shorter of
two time-outs.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import signal
import socket
import socketserver
import sys
import threading
import time
import zlib
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from urllib.parse import unquote_to_bytes

BODY, TARGET, SECTION = 1 << 20, 8192, 32 << 10
BODY_SECONDS, WRITE_SECONDS, LINGER_SECONDS, STOP_SECONDS = 60.0, 60.0, 1.0, 4.5
WATCH_SECONDS = 0.02
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) HTTP/([0-9])\.([0-9])")
VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
CHUNK = re.compile(rb"([0-9A-Fa-f]+)(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?")
RANGE = re.compile(r"bytes=[ \t]*(?:([0-9]+)-([0-9]*)|-([0-9]+))[ \t]*")
TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
STRONG = re.compile(r'(?<!W/)"[\x21\x23-\x7e\x80-\xff]*"')
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
PHRASES = {
    200: "OK", 201: "Created", 204: "No Content", 206: "Partial Content", 304: "Not Modified", 400: "Bad Request",
    404: "Not Found", 405: "Method Not Allowed", 412: "Precondition Failed", 413: "Content Too Large", 414: "URI Too Long",
    416: "Range Not Satisfiable", 431: "Request Header Fields Too Large", 500: "Internal Server Error",
    501: "Not Implemented", 505: "HTTP Version Not Supported",
}  # fmt: skip


class Refused(Exception):
    """A request after which nothing on its connection can be trusted."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Over(Exception):
    """The client is gone, or late."""


class Request:
    """One request, whole."""

    def __init__(self, method: str, target: str, minor: int) -> None:
        self.method, self.target, self.minor = method, target, minor
        self.fields: dict[str, list[str]] = {}
        self.body = b""

    def get(self, name: str) -> str | None:
        """A field's value, repeated lines joined; None when it is absent."""
        return ", ".join(self.fields[name]) if name in self.fields else None

    def members(self, name: str) -> list[str]:
        """Of a list, in small letters."""
        return [part.lower() for each in (self.get(name) or "").split(",") if (part := each.strip(" \t"))]

    @property
    def stays_open(self) -> bool:
        """Whether the client wants that."""
        options = self.members("connection")
        return "close" not in options and (self.minor >= 1 or "keep-alive" in options)


class Answer:
    """An answer; with `count`, that many lines one after another."""

    def __init__(self, status: int, body: bytes = b"", count: int = 0, **fields: str) -> None:
        self.status, self.body, self.count = status, body, count
        self.fields = {name.replace("_", "-"): value for name, value in fields.items()}


def told(status: int, **fields: str) -> Answer:
    """An error, in its own words."""
    return Answer(status, f"{PHRASES[status]}\n".encode(), Content_Type="text/plain", **fields)


# --- reading -------------------------------------------------------------------------------------------------------------


def line_of(file: io.BufferedReader, most: int, status: int, *, may_be_bare: bool = True) -> bytes:
    """A line without its end, which may be a bare LF; one that is too long is refused with that status."""
    line = file.readline(most + 2)
    if not line.endswith(b"\n"):
        raise Refused(status) if len(line) > most else Over
    if not may_be_bare and not line.endswith(b"\r\n"):
        raise Refused(400)
    line = line[:-1].removesuffix(b"\r")
    if b"\r" in line:
        raise Refused(400)
    return line


def bytes_of(file: io.BufferedReader, size: int) -> bytes:
    """So many."""
    data = file.read(size)
    if len(data) < size:
        raise Over
    return data


def head_of(file: io.BufferedReader) -> Request:
    """Request line and fields."""
    line = line_of(file, TARGET + 200, 414) or line_of(file, TARGET + 200, 414)
    found = LINE.fullmatch(line)
    if found is None:
        raise Refused(400)
    if found[3] != b"1":
        raise Refused(505)
    if len(found[2]) > TARGET:
        raise Refused(414)
    request = Request(found[1].decode(), found[2].decode(), int(found[4]))
    left = SECTION
    while line := line_of(file, max(left, 0), 431):
        left -= len(line) + 2
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.fullmatch(name) or not VALUE.fullmatch(value):
            raise Refused(400)
        request.fields.setdefault(name.decode().lower(), []).append(value.strip(b" \t").decode("latin-1"))
    hosts = len(request.fields.get("host", []))
    if hosts > 1 or (request.minor >= 1 and not hosts):
        raise Refused(400)
    return request


def length_of(request: Request) -> int | None:
    """Of its body; None when it comes in chunks (RFC 9112, 6.3)."""
    lengths, codings = request.fields.get("content-length", []), request.members("transfer-encoding")
    if "transfer-encoding" in request.fields:
        if lengths or request.minor == 0 or codings.count("chunked") > 1 or codings[-1:] != ["chunked"]:
            raise Refused(400)
        if len(codings) > 1:
            raise Refused(501)
        return None
    if not lengths:
        return 0
    if len(lengths) > 1 or not re.fullmatch("[0-9]+", lengths[0]):
        raise Refused(400)
    digits = lengths[0].lstrip("0") or "0"
    if len(digits) > 7 or int(digits) > BODY:
        raise Refused(413)
    return int(digits)


def chunks_of(file: io.BufferedReader) -> bytes:
    """A body in chunks, without its trailers."""
    body = bytearray()
    while True:
        found = CHUNK.fullmatch(line_of(file, 4096, 400, may_be_bare=False))
        if found is None:
            raise Refused(400)
        digits = found[1].lstrip(b"0") or b"0"
        size = int(digits, 16) if len(digits) < 8 else BODY + 1
        if size == 0:
            break
        if len(body) + size > BODY:
            raise Refused(413)
        body += bytes_of(file, size)
        if bytes_of(file, 2) != b"\r\n":
            raise Refused(400)
    left = SECTION
    while line := line_of(file, max(left, 0), 400, may_be_bare=False):
        left -= len(line) + 2
    return bytes(body)


# --- files ---------------------------------------------------------------------------------------------------------------


class Shelf:
    """Files below a folder, each named after what its name hashes to."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lock = threading.Lock()

    def path(self, name: bytes) -> Path:
        """Where it lies."""
        return self.folder / hashlib.blake2b(name, digest_size=24).hexdigest()

    def read(self, name: bytes) -> tuple[bytes, int] | None:
        """Its bytes, and when they were written."""
        try:
            descriptor = os.open(self.path(name), os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            return file.read(), int(os.fstat(descriptor).st_mtime)

    def put(self, name: bytes, request: Request) -> Answer:
        """A new state, beside the old one until it takes its place."""
        fresh = self.folder / f"fresh.{os.getpid()}.{threading.get_ident()}"
        fresh.write_bytes(request.body)
        with self.lock:
            old = self.read(name)
            if not may_replace(request, tag_of(old[0]) if old else None):
                fresh.unlink()
                return told(412)
            fresh.replace(self.path(name))
        return Answer(204 if old else 201)

    def delete(self, name: bytes) -> Answer:
        """Away with it."""
        with self.lock:
            try:
                self.path(name).unlink()
            except FileNotFoundError:
                return told(404)
        return Answer(204)


def tag_of(body: bytes) -> str:
    """A strong one."""
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def may_replace(request: Request, tag: str | None) -> bool:
    """If-Match, and If-None-Match, of a PUT."""
    wanted, unwanted = request.get("if-match"), request.get("if-none-match")
    if wanted is not None and (tag is None or (wanted.strip() != "*" and tag not in STRONG.findall(wanted))):
        return False
    return unwanted is None or tag is None or (unwanted.strip() != "*" and tag not in TAG.findall(unwanted))


def takes_gzip(request: Request) -> bool:
    """By name before by the star."""
    weights = {}
    for member in request.members("accept-encoding"):
        coding, *parameters = [part.strip() for part in member.split(";")]
        weight = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        with contextlib.suppress(ValueError):
            weights[coding] = float(weight)
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def moment_of(value: str | None) -> float | None:
    """A date, in seconds since 1970."""
    if value is None:
        return None
    try:
        return parsedate_to_datetime(f"{value} GMT" if value[-1:].isdigit() else value).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def show(request: Request, body: bytes, modified: int) -> Answer:
    """A file, as the client wants it."""
    plain = tag_of(body)
    packed = f'{plain[:-1]}.z"'
    common = {"Vary": "Accept-Encoding", "Last-Modified": formatdate(modified, usegmt=True), "Accept-Ranges": "bytes"}
    asked, tag, more = request.get("range"), plain, {}
    if asked is None and takes_gzip(request):
        squeeze = zlib.compressobj(3, wbits=31)
        body, tag, more = squeeze.compress(body) + squeeze.flush(), packed, {"Content-Encoding": "gzip"}
    known, since = request.get("if-none-match"), moment_of(request.get("if-modified-since"))
    if known is not None:
        is_known = known.strip() == "*" or bool({plain, packed} & {*TAG.findall(known)})
    else:
        is_known = since is not None and modified <= since
    answer = Answer(304 if is_known else 200, b"" if is_known else body)
    answer.fields = common | {"ETag": tag}
    if is_known:
        return answer
    answer.fields |= more | {"Content-Type": "application/octet-stream"}
    found = RANGE.fullmatch(asked) if asked is not None and request.method == "GET" else None
    if found is None or request.get("if-range") not in {None, tag}:
        return answer
    size = len(body)
    if found[3] is not None:
        first, last = max(0, size - int(found[3])), size - 1
        is_there = int(found[3]) > 0 and size > 0
    else:
        first, last = int(found[1]), min(int(found[2]) if found[2] else size - 1, size - 1)
        if found[2] and int(found[2]) < first:
            return answer
        is_there = first < size
    if not is_there:
        return told(416, Content_Range=f"bytes */{size}")
    answer.status, answer.body = 206, body[first : last + 1]
    answer.fields["Content-Range"] = f"bytes {first}-{last}/{size}"
    return answer


# --- answering -----------------------------------------------------------------------------------------------------------


def answer_to(request: Request, shelf: Shelf) -> Answer:
    """What is where."""
    if request.method not in {"GET", "HEAD", "POST", "PUT", "DELETE"}:
        return told(501)
    whole = path_of(request.target)
    if whole is None:
        return told(400)
    place, slash, rest = whole[1:].partition(b"/")
    if place == b"files" and slash:
        return told(405, Allow="GET, HEAD, PUT, DELETE") if request.method == "POST" else of_file(request, rest, shelf)
    if whole == b"/echo":
        if request.method != "POST":
            return told(405, Allow="POST")
        return Answer(200, request.body, Content_Type=request.get("content-type") or "application/octet-stream")
    if whole not in {b"/", b"/headers"} and not (slash and place in {b"echo", b"slow", b"stream"}):
        return told(404)
    return got(request, whole, rest) if request.method in {"GET", "HEAD"} else told(405, Allow="GET, HEAD")


def path_of(target: str) -> bytes | None:
    """Decoded once; None when there is none, or a broken escape."""
    if absolute := SCHEME.match(target):
        target = target[absolute.end() :]
        target = target if target.startswith("/") else f"/{target}"
    path = target.partition("?")[0]
    return None if not path.startswith("/") or re.search(r"%(?![0-9A-Fa-f]{2})", path) else unquote_to_bytes(path)


def of_file(request: Request, name: bytes, shelf: Shelf) -> Answer:
    """GET, HEAD, PUT or DELETE."""
    if not is_name(name):
        return told(400)
    if request.method == "PUT":
        return shelf.put(name, request)
    if request.method == "DELETE":
        return shelf.delete(name)
    file = shelf.read(name)
    return show(request, *file) if file else told(404)


def got(request: Request, whole: bytes, rest: bytes) -> Answer:
    """Everything that is no file."""
    if whole == b"/":
        return Answer(200, b"ok\n", Content_Type="text/plain")
    if whole == b"/headers":
        fields = {name: ", ".join(values) for name, values in request.fields.items()}
        return Answer(200, json.dumps(fields).encode(), Content_Type="application/json")
    if whole.startswith(b"/echo/"):
        return Answer(200, rest, Content_Type="text/plain")
    least, most = (0, 10_000) if whole.startswith(b"/slow/") else (1, 1000)
    count = int(rest) if re.fullmatch(rb"[0-9]{1,9}", rest) else -1
    if not least <= count <= most:
        return told(400)
    if whole.startswith(b"/stream/"):
        return Answer(200, count=count, Content_Type="text/plain")
    time.sleep(count / 1000)
    return Answer(200, b"ok\n", Content_Type="text/plain")


def is_name(name: bytes) -> bool:
    """Whether a file may be called so."""
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return 1 <= len(name) <= 200 and name not in {b".", b".."} and not {*b"/\\\0"} & {*name}


class Handler(socketserver.StreamRequestHandler):
    """One connection."""

    disable_nagle_algorithm = True
    server: Server
    rfile: io.BufferedReader

    def setup(self) -> None:
        """Known to the watchman."""
        super().setup()
        self.until = 0.0
        self.is_idle = True
        self.lock = threading.Lock()
        self.connection.settimeout(WRITE_SECONDS)
        self.server.handlers.add(self)
        if self.server.is_stopping:
            self.hush()

    def finish(self) -> None:
        """And to nobody any more."""
        self.server.handlers.discard(self)
        with contextlib.suppress(OSError):
            super().finish()

    def hush(self) -> None:
        """Read no more than what has come."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RD)

    def rest(self) -> None:
        """Stop when nothing is under way."""
        with self.lock:
            if self.is_idle:
                self.hush()

    def handle(self) -> None:
        """One request after another."""
        idle = min(self.server.keep_alive, self.server.header)
        try:
            while self.one(idle):
                idle = self.server.keep_alive
                if self.server.is_stopping:
                    self.rest()
        except (OSError, Over):
            return
        with contextlib.suppress(OSError):
            self.say_goodbye()

    def one(self, idle: float) -> bool:
        """A request and its answer; whether another may follow."""
        self.until = time.monotonic() + idle
        if not self.rfile.peek(1):
            return False
        self.until = time.monotonic() + self.server.header
        method = ""
        try:
            request = head_of(self.rfile)
            with self.lock:
                self.is_idle = False
            self.until = time.monotonic() + BODY_SECONDS
            method = request.method
            length = length_of(request)
            if length != 0 and request.minor >= 1 and "100-continue" in request.members("expect"):
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.body = chunks_of(self.rfile) if length is None else bytes_of(self.rfile, length)
        except Refused as refused:
            self.until = 0.0
            self.send(method, told(refused.status), minor=1, stays_open=False)
            return False
        self.until = 0.0
        try:
            answer = answer_to(request, self.server.shelf)
            stays_open = request.stays_open and not self.server.is_stopping
            stays_open = stays_open and not (answer.count and request.minor == 0)
            self.send(request.method, answer, request.minor, stays_open=stays_open)
        finally:
            with self.lock:
                self.is_idle = True
        return stays_open

    def send(self, method: str, answer: Answer, minor: int, *, stays_open: bool) -> None:
        """In the form that the client can read."""
        lines = [f"HTTP/1.1 {answer.status} {PHRASES[answer.status]}", f"Date: {formatdate(usegmt=True)}"]
        lines += [f"{name}: {value}" for name, value in answer.fields.items()]
        if answer.count:
            lines += ["Transfer-Encoding: chunked"] if minor >= 1 else []
        elif answer.status not in {204, 304}:
            lines.append(f"Content-Length: {len(answer.body)}")
        lines.append(f"Connection: {'keep-alive' if stays_open else 'close'}")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        if method == "HEAD" or not answer.count:
            self.wfile.write(head if method == "HEAD" else head + answer.body)
            return
        for number in range(1, answer.count + 1):
            if number > 1:
                time.sleep(0.0102)
            line = b"chunk %d\n" % number
            data = b"%x\r\n%b\r\n" % (len(line), line) if minor >= 1 else line
            self.wfile.write(head + data)
            head = b""
        if minor >= 1:
            self.wfile.write(b"0\r\n\r\n")

    def say_goodbye(self) -> None:
        """Stop sending and read on for a while, or a reset overtakes the answer."""
        self.connection.shutdown(socket.SHUT_WR)
        end = time.monotonic() + LINGER_SECONDS
        while (left := end - time.monotonic()) > 0:
            self.connection.settimeout(left)
            if not self.connection.recv(65536):
                return


class Server(socketserver.ThreadingTCPServer):
    """Its connections, and the watchman."""

    request_queue_size = 1024
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        environment = os.environ
        self.keep_alive = int(environment.get("KEEP_ALIVE_TIMEOUT_MS", "5000")) / 1000
        self.header = int(environment.get("HEADER_TIMEOUT_MS", "5000")) / 1000
        self.shelf = Shelf(environment["FILES_DIR"])
        self.handlers: set[Handler] = set()
        self.is_stopping = False
        super().__init__((environment.get("HOST", "127.0.0.1"), int(environment.get("PORT", "8000"))), Handler)
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self) -> None:
        """Who is late is read no further."""
        while True:
            time.sleep(WATCH_SECONDS)
            now = time.monotonic()
            for handler in list(self.handlers):
                if 0.0 < handler.until < now:
                    handler.hush()

    def stop(self) -> None:
        """Accept no more; who is idle goes."""
        self.is_stopping = True
        self.shutdown()
        self.socket.close()
        for handler in list(self.handlers):
            handler.rest()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


def main() -> None:
    """Until SIGTERM."""
    threading.stack_size(256 * 1024)
    server = Server()
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.stop).start())
    server.serve_forever(poll_interval=0.02)
    give_up = time.monotonic() + STOP_SECONDS
    while server.handlers and time.monotonic() < give_up:
        time.sleep(0.01)
    sys.stdout.flush()
    os._exit(0)  # a thread may still wait for a client that does not read


if __name__ == "__main__":
    main()
