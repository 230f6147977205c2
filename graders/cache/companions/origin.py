"""The origin of the lab cache: counts and records what reaches it, and answers as it is told per request target.

Standard library only. Over the control channel:

    POST /plan     {"target": T, "steps": [step, ...], "then": step}: what the next requests are answered; `then` when
                   the steps are used up
    POST /records  {"targets": [T, ...]}: {"records": [[call, ...], ...]}, all that was asked of each
    POST /await    {"target": T, "what": "arrived" | "answered", "count": n, "timeout": seconds}: answers as soon as so
                   many requests got so far; {"reached": bool, "now": t}
    POST /release  {"target": T}: what is held now goes on
    POST /count    {"prefix": P}: {"requests": n}, of all targets that begin so

A step is a JSON object:

    status  200
    fields  [[name, value], ...]
    date, expires, last_modified
            seconds from now, as a date; ``date`` is 0 (null: no such field), the others are absent
    etag    as it stands in the field, quotes and all
    validates
            whether conditions that match ``etag`` or ``last_modified`` are answered 304
    also    [[name, value], ...]: fields of such a 304 in place of `fields`
    body    text; else a line that says which answer this is
    size    bytes of the body, instead: that line again and again, with all bytes that are not ASCII, in no order of UTF-8
    framing "length" (the default), "chunked", "close"
    slow    seconds before the answer
    hold    true: wait until released, 20 s at the most; a release is for those that arrived before it
    ends    "hang" (no answer), "drop" (closed without one), "garbage" (no HTTP), "half-head" (then silence), "trickle" (a
            field section that never ends), "short" (half of the body, then closed), "stall" (half of it, then silence),
            "reset" (half of it, then RST)

Each answer has a field ``X-Answer`` that counts the answers of its target from 1, so that a story that is told again to
another origin has the same numbers; the body names the target, too. A request may bring its own step, as JSON in the
field ``X-Say``; a target below ``/try`` is its own plan: each parameter of its query is a field, but for ``status``,
``slow`` and ``etag``. Times are those of `time.monotonic`, which
all processes of one machine share.
"""

import contextlib
import json
import re
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

LONGEST_HOLD = 20.0
SILENCE = 20.0
SHOWN = 2000
BEYOND_ASCII = bytes(range(128, 256))
TRICKLE_SECONDS = 0.1
WITHOUT_BODY = {204, 304}
TAG = re.compile(r'(?:W/)?("[^"]*")')
"""Without its weakness; a comma may stand within the quotes."""
Step = dict[str, Any]
Fields = list[tuple[str, str]]


class Target:
    """What belongs to one request target: its plan, and what was asked of it."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.then: Step = {}
        self.calls: list[dict[str, Any]] = []
        self.holding = threading.Event()


class Origin:
    """Every target's plan and record."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.targets: dict[str, Target] = {}

    def target(self, name: str) -> Target:
        """The target of that name, a new one when nobody spoke of it before."""
        return self.targets.setdefault(name, Target())

    def arrive(self, call: dict[str, Any]) -> tuple[threading.Event, Step]:
        """Note that a request is here, give its answer a number, and look up what becomes of it, and what holds it."""
        with self.changed:
            found = self.target(call["target"])
            call |= {"number": len(found.calls) + 1, "arrived": time.monotonic(), "answered": None, "status": None}
            found.calls.append(call)
            self.changed.notify_all()
            if found.steps:
                return found.holding, found.steps.pop(0)
            return found.holding, found.then or said_in(call["fields"]) or plan_of(call["target"])

    def note_answered(self, call: dict[str, Any], status: int) -> None:
        """Note that its answer was sent whole."""
        with self.changed:
            call |= {"answered": time.monotonic(), "status": status}
            self.changed.notify_all()

    # --- what the grader asks for ----------------------------------------------------------------------------------

    def obey(self, method: str, target: str, body: Any) -> Any:
        """One control request."""
        match method, target:
            case "POST", "/plan":
                return self.take_plan(body)
            case "POST", "/records":
                with self.changed:
                    return {"records": [list(self.target(name).calls) for name in body["targets"]]}
            case "POST", "/await":
                return self.wait_for(body)
            case "POST", "/release":
                with self.changed:
                    target_of = self.target(body["target"])
                    target_of.holding.set()
                    target_of.holding = threading.Event()
                return {"now": time.monotonic()}
            case "POST", "/count":
                with self.changed:
                    found = (len(t.calls) for name, t in self.targets.items() if name.startswith(body["prefix"]))
                    return {"requests": sum(found)}
            case _:
                raise LookupError(f"the origin knows no {method} {target}")

    def take_plan(self, body: dict[str, Any]) -> dict[str, Any]:
        """What becomes of a target's next requests."""
        with self.changed:
            target = self.target(body["target"])
            target.steps = list(body.get("steps") or ())
            target.then = body.get("then") or {}
        return {}

    def wait_for(self, body: dict[str, Any]) -> dict[str, Any]:
        """Wait until so many of a target's requests got so far."""

        def is_reached() -> bool:
            wanted: int = body["count"]
            return sum(call[body["what"]] is not None for call in self.target(body["target"]).calls) >= wanted

        with self.changed:
            return {"reached": self.changed.wait_for(is_reached, body["timeout"]), "now": time.monotonic()}


def said_in(fields: Fields) -> Step:
    """The step that a request brings with it."""
    with contextlib.suppress(ValueError):
        step = json.loads(value_of(fields, "x-say") or "{}")
        return step if isinstance(step, dict) else {}
    return {}


def plan_of(target: str) -> Step:
    """What a target below ``/try`` says itself."""
    if not target.startswith("/try"):
        return {}
    asked = dict(parse_qsl(urlsplit(target).query))
    status, slow, etag = (asked.pop(name, "") for name in ("status", "slow", "etag"))
    step: Step = {"fields": [[name.title(), value] for name, value in asked.items() if name.replace("-", "").isalnum()]}
    if len(status) == 3 and status.isdigit() and status >= "200":
        step["status"] = int(status)
    with contextlib.suppress(ValueError):
        step["slow"] = min(float(slow or 0), SILENCE)
    return step | ({"etag": f'"{etag}"', "validates": True} if etag else {})


class Handler(socketserver.StreamRequestHandler):
    """One connection of a service's; one request after the other."""

    disable_nagle_algorithm = True
    wbufsize = -1
    origin: Origin
    is_last = False
    """Whether the client said that it asks no more here (RFC 9112, 9.6). That `Connection: close` is not answered by the
    same is on purpose: Go's net/http forgets what else that field names."""
    may_chunk = True

    def handle(self) -> None:
        """Answer until the connection ends."""
        with contextlib.suppress(OSError, ValueError):
            while self.one():
                pass

    def one(self) -> bool:
        """One request; whether another one may follow."""
        line = self.rfile.readline(65536).decode("latin-1").split()
        if len(line) != 3:
            return False
        fields: Fields = []
        while (raw := self.rfile.readline(65536).decode("latin-1").rstrip("\r\n")) != "":
            name, _, value = raw.partition(":")
            fields.append((name, value.strip(" \t")))
        body = self.body(fields)
        self.is_last = line[2] != "HTTP/1.1" or "close" in (value_of(fields, "connection") or "").lower()
        self.may_chunk = line[2] == "HTTP/1.1"
        call = {
            "method": line[0],
            "target": line[1],
            "fields": fields,
            "size": len(body),
            "body": body[:SHOWN].decode("latin-1"),
        }
        holding, step = self.origin.arrive(call)
        if "slow" in step:
            time.sleep(step["slow"])
        if step.get("hold"):
            holding.wait(LONGEST_HOLD)
        ends = step.get("ends", "")
        if ends in {"hang", "drop", "garbage"}:
            return self.say_nothing(ends)
        return self.answer(call, step, ends)

    def body(self, fields: Fields) -> bytes:
        """The request's body, of either framing."""
        if "chunked" not in (value_of(fields, "transfer-encoding") or "").lower():
            return self.rfile.read(int(value_of(fields, "content-length") or 0))
        parts = []
        while size := int(self.rfile.readline(1024).split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline(2)
        while self.rfile.readline(65536).strip():
            pass
        return b"".join(parts)

    def answer(self, call: dict[str, Any], step: Step, ends: str) -> bool:
        """The answer that the step says, or the beginning of it."""
        status, extra = step.get("status", 200), step.get("fields", [])
        if step.get("validates") and matches(call["fields"], step):
            status, extra = 304, step.get("also", extra)
        framing = step.get("framing", "length")
        if framing == "chunked" and not self.may_chunk:
            framing = "close"
        head = [f"HTTP/1.1 {status} {phrase(status)}", f"X-Answer: {call['number']}"]
        head += [f"{name}: {value}" for name, value in [*extra, *own_fields(step)]]
        data = b"" if status in WITHOUT_BODY else body_of(call, step)
        if status not in WITHOUT_BODY:
            head.append("Transfer-Encoding: chunked" if framing == "chunked" else f"Content-Length: {len(data)}")
            if framing == "close":
                head[-1] = "Connection: close"
        start = ("\r\n".join(head) + "\r\n").encode("latin-1")
        if ends in {"half-head", "trickle"}:
            return self.never_begin(start, is_silent=ends == "half-head")
        sent = b"" if call["method"] == "HEAD" else data
        if ends:
            sent = sent[: len(sent) // 2]
        if framing == "chunked" and call["method"] != "HEAD" and status not in WITHOUT_BODY:
            sent = b"%x\r\n%s\r\n" % (len(sent), sent) + (b"" if ends else b"0\r\n\r\n") if sent else b"0\r\n\r\n"
        if not ends:  # before it is sent: who has read it may ask at once what became of it
            self.origin.note_answered(call, status)
        self.wfile.write(start + b"\r\n" + sent)
        self.wfile.flush()
        return self.break_off(ends) if ends else framing != "close" and not self.is_last

    def never_begin(self, start: bytes, *, is_silent: bool) -> bool:
        """A field section that does not end."""
        self.wfile.write(start)
        self.wfile.flush()
        until = time.monotonic() + SILENCE
        while not is_silent and time.monotonic() < until:
            time.sleep(TRICKLE_SECONDS)
            self.wfile.write(b"X-More: 1\r\n")
            self.wfile.flush()
        return self.say_nothing("hang")

    def break_off(self, how: str) -> bool:
        """Half of the body was sent."""
        if how == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            return False
        return self.say_nothing("hang" if how == "stall" else "drop")

    def say_nothing(self, how: str) -> bool:
        """No more bytes: the connection is closed, or stays open until the service closes it."""
        if how == "garbage":
            self.wfile.write(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
            self.wfile.flush()
        if how == "hang":
            self.connection.settimeout(SILENCE)
            with contextlib.suppress(OSError):
                self.connection.recv(1)
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        return False


def value_of(fields: Fields, name: str) -> str | None:
    """The first value of a field."""
    return next((value for each, value in fields if each.lower() == name), None)


def phrase(status: int) -> str:
    """The status's usual phrase."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Other"


def own_fields(step: Step) -> Fields:
    """Dates and the validator, made now."""
    now = time.time()
    made: Fields = []
    for name, field in (("date", "Date"), ("expires", "Expires"), ("last_modified", "Last-Modified")):
        offset = step.get(name, 0 if name == "date" else None)
        if offset is not None:
            made.append((field, formatdate(now + offset, usegmt=True)))
    return [*made, ("ETag", step["etag"])] if "etag" in step else made


def matches(asked: Fields, step: Step) -> bool:
    """Whether the conditions hold (RFC 9110, 13.1.2 and 13.1.3)."""
    tags = value_of(asked, "if-none-match")
    if tags is not None:
        known = step.get("etag", "").removeprefix("W/")
        return tags.strip() == "*" or known in TAG.findall(tags)
    return "last_modified" in step and value_of(asked, "if-modified-since") is not None


def body_of(call: dict[str, Any], step: Step) -> bytes:
    """The body that the step says."""
    if "size" in step:
        size: int = step["size"]
        line = f"answer {call['number']} ".encode() + BEYOND_ASCII
        return (line * (size // len(line) + 1))[:size]
    return str(step.get("body", f"answer {call['number']} to {call['method']} {call['target']}\n")).encode()


class Server(socketserver.ThreadingTCPServer):
    """A thread for each connection."""

    request_queue_size = 1024
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is the business of whoever broke it."""


def start(host: str, port: int, settings: dict[str, Any]) -> Callable[[str, str, Any], Any]:
    """Listen; returns what obeys the control channel."""
    origin = Origin()
    handler = type("Bound", (Handler,), {"origin": origin})
    server = Server((host, port), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 3600}, daemon=True).start()
    return origin.obey
