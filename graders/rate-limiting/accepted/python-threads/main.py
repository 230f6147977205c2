"""An accepted solution in another style: its own HTTP on plain sockets, a thread per connection, striped locks."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import threading
from http import HTTPStatus
from urllib.parse import unquote, unquote_plus

from limits import Memory, Policy, Verdict
from store import Down, Store

POLICIES = {name: Policy.read(name, table) for name, table in json.loads(os.environ["POLICIES"]).items()}
CLIENT = re.compile(rb"[!-~]{1,128}")
COST = re.compile(r"[1-9][0-9]{0,2}|1000")

limiter = Store(os.environ["REDIS_URL"]) if "REDIS_URL" in os.environ else Memory()

Answer = tuple[int, dict, dict[str, str]]


class Connections:
    """All that are open, so that they can be told to end."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.open: set[socket.socket] = set()
        self.stopping = False

    def serve(self, connection: socket.socket) -> None:
        """One request after the other."""
        with self.lock:
            self.open.add(connection)
            if self.stopping:  # too late to be told by end()
                connection.shutdown(socket.SHUT_RD)
        try:
            with connection, connection.makefile("rb") as stream, contextlib.suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while line := stream.readline(8192):
                    connection.sendall(wire(answer_to(line, read_fields(stream)), last=self.stopping))
        finally:
            with self.lock:
                self.open.discard(connection)

    def end(self) -> None:
        """No more reading; what has been read is still answered."""
        with self.lock:
            self.stopping = True
            for connection in self.open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)


def read_fields(stream: object) -> dict[bytes, bytes]:
    """Header fields by their names in lower case; the body, if any, is read over."""
    fields = {}
    while (line := stream.readline(16384)) not in {b"\r\n", b"\n", b""}:
        name, _, value = line.partition(b":")
        fields[name.lower()] = value.strip(b" \t\r\n")
    stream.read(int(fields.get(b"content-length", 0)))
    return fields


def answer_to(line: bytes, fields: dict[bytes, bytes]) -> Answer:
    """Find what answers a request."""
    method, _, rest = line.decode("latin-1").partition(" ")
    path, _, query = rest.rpartition(" ")[0].partition("?")
    path = unquote(path)
    if method != "GET":
        return problem(405, "only GET")
    if path == "/healthz":
        return 200, {"status": "ok"}, {}
    if path == "/stats":
        return 200, {"tracked_clients": limiter.tracked()}, {}
    if path.startswith("/resource/"):
        return resource(path[len("/resource/") :], query, fields.get(b"x-client-id", b""))
    return problem(404, "unknown path")


def resource(name: str, query: str, client: bytes) -> Answer:
    """Refuse, or decide."""
    policy = POLICIES.get(name)
    if policy is None:
        return problem(404, "unknown policy")
    if not CLIENT.fullmatch(client):
        return problem(400, "invalid client id")
    given = dict(reversed([part.partition("=")[::2] for part in query.split("&")]))
    cost = unquote_plus(given.get("cost", "1"))
    if not COST.fullmatch(cost):
        return problem(400, "invalid cost")
    if int(cost) > policy.capacity:
        return problem(422, "cost beyond the limit")
    try:
        verdict = limiter.decide(policy, client.decode(), int(cost))
    except Down:
        return degraded(policy, client.decode())
    return decided(policy, client.decode(), verdict)


def decided(policy: Policy, client: str, verdict: Verdict) -> Answer:
    """200 or 429."""
    fields = {
        "RateLimit-Policy": f'"{policy.name}";q={policy.capacity};w={policy.seconds}',
        "RateLimit": f'"{policy.name}";r={verdict.left};t={-(-verdict.grows_ms // 1000)}',
    }
    if verdict.admitted:
        return 200, {"policy": policy.name, "client": client, "remaining": verdict.left}, fields
    fields["Retry-After"] = str(-(-verdict.wait_ms // 1000))
    return problem(429, "too many requests", fields, retry_after_ms=verdict.wait_ms)


def degraded(policy: Policy, client: str) -> Answer:
    """What the policy wants while Redis is away."""
    if policy.opens:
        return 200, {"policy": policy.name, "client": client}, {"X-RateLimit-Degraded": "true"}
    return problem(503, "no store", {"Retry-After": "1"})


def problem(status: int, title: str, fields: dict[str, str] | None = None, **members: object) -> Answer:
    """An error body."""
    kind = {"Content-Type": "application/problem+json"}
    return status, {"title": title, "status": status, **members}, kind | (fields or {})


def wire(answer: Answer, *, last: bool) -> bytes:
    """An answer as it is sent."""
    status, content, fields = answer
    body = json.dumps(content).encode()
    fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), **fields}
    if last:
        fields["Connection"] = "close"
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{head}\r\n".encode() + body


def main() -> None:
    """Serve until SIGTERM; then threads end by themselves, and the program with the last of them."""
    connections = Connections()
    term = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: term.set())
    with socket.create_server((os.environ["HOST"], int(os.environ["PORT"])), backlog=1024) as listener:
        listener.settimeout(0.1)
        while not term.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = listener.accept()
                threading.Thread(target=connections.serve, args=(connection,)).start()
    connections.end()


if __name__ == "__main__":
    main()
