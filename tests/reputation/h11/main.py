"""The routes of http-server, stages 1 to 6, on h11, the parser below uvicorn and httpx: for the protocol."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import threading
import time
from email.utils import formatdate
from urllib.parse import unquote_to_bytes

import h11  # its own files, which the test lays beside this one

KNOWN = {b"GET", b"HEAD", b"POST", b"PUT", b"DELETE"}
MEBIBYTE = 1024 * 1024
KEEP_ALIVE = int(os.environ["KEEP_ALIVE_TIMEOUT_MS"]) / 1000
HEADER = int(os.environ["HEADER_TIMEOUT_MS"]) / 1000
is_stopping = threading.Event()
connections: set[Served] = set()


class Refused(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


class Served:
    """One connection: what h11 says is done."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=32 * 1024)
        self.is_busy = False
        self.method = b""

    def run(self) -> None:
        try:
            while self.one():
                self.h11.start_next_cycle()
                if is_stopping.is_set():
                    self.stop()
            self.sock.shutdown(socket.SHUT_WR)
            self.sock.settimeout(1.0)
            while self.sock.recv(65536):
                pass
        except OSError:
            pass
        finally:
            connections.discard(self)
            self.sock.close()

    def stop(self) -> None:
        if not self.is_busy:
            with contextlib.suppress(OSError):  # it may be over by now
                self.sock.shutdown(socket.SHUT_RD)

    def one(self) -> bool:
        try:
            request = self.head()
            if not isinstance(request, h11.Request):
                return False
            self.is_busy, self.method = True, request.method
            self.answer(request, self.body(request))
        except TimeoutError:
            return False
        except h11.RemoteProtocolError as fault:
            return self.refuse(fault.error_status_hint)
        except Refused as refusal:
            return self.refuse(refusal.status)
        finally:
            self.is_busy = False
        return self.h11.our_state is h11.DONE and self.h11.their_state is h11.DONE

    def head(self) -> object:
        until = time.monotonic() + KEEP_ALIVE
        has_begun = bool(self.h11.trailing_data[0])
        while (event := self.h11.next_event()) is h11.NEED_DATA:
            self.sock.settimeout(max(until - time.monotonic(), 0.001))
            data = self.sock.recv(65536)
            if not has_begun:
                has_begun, until = True, time.monotonic() + HEADER
            self.h11.receive_data(data)
        return event

    def body(self, request: h11.Request) -> bytes:
        length = int(dict(request.headers).get(b"content-length", b"0"))
        if not request.http_version.startswith(b"1."):
            raise Refused(505)
        if len(request.target) > 8192:
            raise Refused(414)
        if sum(len(name) + len(value) + 4 for name, value in request.headers) > 32 * 1024:
            raise Refused(431)
        if length > MEBIBYTE:
            raise Refused(413)
        body = b""
        self.sock.settimeout(60)
        while not isinstance(event := self.h11.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                if self.h11.they_are_waiting_for_100_continue:
                    self.send(h11.InformationalResponse(status_code=100, headers=[]))
                self.h11.receive_data(self.sock.recv(65536))
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > MEBIBYTE:
                    raise Refused(413)
        return body

    def send(self, *events: h11.Event) -> None:
        self.sock.sendall(b"".join(self.h11.send(event) or b"" for event in events))

    def reply(
        self, status: int, body: bytes = b"", kind: str = "text/plain", more: tuple[tuple[str, str], ...] = ()
    ) -> None:
        fields = [("Date", formatdate(usegmt=True)), ("Content-Type", kind), ("Content-Length", str(len(body))), *more]
        if is_stopping.is_set():
            fields.append(("Connection", "close"))
        has_body = self.h11.their_state is h11.ERROR or self.method != b"HEAD"
        data = [h11.Data(data=body)] if has_body else []
        self.send(h11.Response(status_code=status, headers=fields), *data, h11.EndOfMessage())

    def refuse(self, status: int) -> bool:
        if self.h11.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            self.reply(status, more=(("Connection", "close"),))
        return False

    def answer(self, request: h11.Request, body: bytes) -> None:
        if request.method not in KNOWN:
            return self.reply(501)
        target = re.sub(rb"^[a-z]+://[^/?]*", b"", request.target, flags=re.IGNORECASE).split(b"?")[0] or b"/"
        if re.search(rb"%(?![0-9A-Fa-f]{2})", target):
            return self.reply(400)
        path = unquote_to_bytes(target)
        is_get = path in {b"/", b"/headers"} or path.startswith((b"/echo/", b"/slow/", b"/stream/"))
        if not is_get and path != b"/echo":
            return self.reply(404)
        allowed = (b"GET", b"HEAD") if is_get else (b"POST",)
        if request.method not in allowed:
            return self.reply(405, more=(("Allow", b", ".join(allowed).decode()),))
        return self.route(request, path, body)

    def route(self, request: h11.Request, path: bytes, body: bytes) -> None:
        if path == b"/":
            return self.reply(200, b"ok\n")
        if path == b"/echo":
            kind = dict(request.headers).get(b"content-type", b"application/octet-stream")
            return self.reply(200, body, kind.decode("latin-1"))
        if path == b"/headers":
            joined: dict[str, str] = {}
            for name, value in request.headers:
                key, text = name.decode(), value.decode("latin-1")
                joined[key] = f"{joined[key]}, {text}" if key in joined else text
            return self.reply(200, json.dumps(joined).encode(), "application/json")
        prefix, rest = path[1:].split(b"/", 1)
        if prefix == b"echo":
            return self.reply(200, rest)
        number = int(rest) if re.fullmatch(rb"[0-9]{1,6}", rest) else -1
        if prefix == b"slow":
            if not 0 <= number <= 10_000:
                return self.reply(400)
            time.sleep(number / 1000)
            return self.reply(200, b"ok\n")
        return self.stream(number) if 1 <= number <= 1000 else self.reply(400)

    def stream(self, count: int) -> None:
        fields = [("Date", formatdate(usegmt=True)), ("Content-Type", "text/plain")]
        self.send(h11.Response(status_code=200, headers=fields))
        for number in range(1, count + 1 if self.method != b"HEAD" else 1):
            self.send(h11.Data(data=b"chunk %d\n" % number))
            time.sleep(0.0105)
        self.send(h11.EndOfMessage())


def main() -> None:
    """Serve until SIGTERM."""
    listener = socket.create_server((os.environ["HOST"], int(os.environ["PORT"])), backlog=1024)

    def stop(*_: object) -> None:
        is_stopping.set()
        listener.shutdown(socket.SHUT_RDWR)

    signal.signal(signal.SIGTERM, stop)
    threading.stack_size(256 * 1024)
    while not is_stopping.is_set():
        try:
            sock, _ = listener.accept()
        except OSError:
            break
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        served = Served(sock)
        connections.add(served)  # here, so that one accepted right before SIGTERM is among them
        threading.Thread(target=served.run, daemon=True).start()
    for served in list(connections):
        served.stop()
    until = time.monotonic() + 4.5
    while connections and time.monotonic() < until:
        time.sleep(0.01)
    os._exit(0)


main()
