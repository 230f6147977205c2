"""Many requests at once: raw sockets that connect first, are released together, and note both moments of each answer.

Nobody can make requests simultaneous, only overlapping (C-23). One thread and a selector come closer to it than threads
do, and cost so little that the service, not the sender, is what is slow.
"""

from __future__ import annotations

import re
import selectors
import socket
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

import h11
import httpx

from labrunner.checks.diary import DIARY
from labrunner.checks.http import IDLE_SECONDS, SHOWN_BYTES, Answer
from labrunner.checks.verdicts import Broken, Exceeded
from labrunner.model.outcome import Exchange, Failure
from labrunner.model.status import Reason
from labrunner.rules.text import from_bytes, is_verbatim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from labrunner.checks.services import Service

DEADLINE = 30.0
"""Seconds without any answer: how long all of them take is the machine's affair too."""
CHUNK = 65536
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection:[^\r]*close", re.IGNORECASE)
AT_ONCE = "Many clients come at once, and each waits for its answer."


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, a GET unless it says otherwise.

    Attributes:
        target: the request target, sent as it is (visible ASCII).
        headers: fields beside the client's own.
        method: sent as it is.
        body: sent with its ``Content-Length`` when not empty.
    """

    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "GET"
    body: bytes = b""


@dataclass(slots=True)
class _Raw:
    """A complete answer, as it came."""

    sent: float
    answered: float
    status: int
    head: bytes
    body: bytes


class _Line:
    """One connection, and the request that is under way on it."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self._address = address
        self.number = -1
        self.sent = 0.0
        self._data = b""

    def connect(self) -> None:
        """Begin to; `is_connected` asks how it went when the socket can be written to."""
        self.socket.connect_ex(self._address)

    @property
    def is_connected(self) -> bool:
        return self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0

    @property
    def heard_nothing(self) -> bool:
        """Whether not one byte of an answer came."""
        return not self._data

    def send(self, number: int, request: bytes) -> None:
        """Send one request; small enough to fit into the socket's buffer."""
        self.number, self._data = number, b""
        self.sent = time.monotonic()
        self.socket.send(request)

    def receive(self) -> _Raw | None:
        """The answer, when it is complete.

        Raises:
            OSError, h11.ProtocolError: the connection broke, or what came is no HTTP.
        """
        try:
            data = self.socket.recv(CHUNK)
        except BlockingIOError:
            return None
        self._data += data
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            if data:
                return None
            raise ConnectionResetError("the connection was closed before the answer was complete")
        head = self._data[: end + 4]
        length = _LENGTH.findall(head)
        if len(length) != 1 or not head.startswith(b"HTTP/1.1 ") or b"\r\nTransfer-Encoding" in head.title():
            return self._receive_carefully(data)
        body = self._data[end + 4 :]
        if len(body) < int(length[0]):
            if data:
                return None
            raise ConnectionResetError("the connection was closed before the answer was complete")
        return _Raw(self.sent, time.monotonic(), int(head[9:12]), head, body[: int(length[0])])

    def _receive_carefully(self, data: bytes) -> _Raw | None:
        """As `receive`, for whatever form HTTP allows."""
        parser = h11.Connection(h11.CLIENT)
        parser.send(h11.Request(method="GET", target="/", headers=[("Host", "lab")]))
        parser.send(h11.EndOfMessage())
        parser.receive_data(self._data)
        if not data:
            parser.receive_data(b"")
        head, status, body = b"", 0, bytearray()
        while True:
            event = parser.next_event()
            if isinstance(event, h11.Response):
                status = event.status_code
                fields = b"".join(name + b": " + value + b"\r\n" for name, value in event.headers.raw_items())
                head = b"HTTP/1.1 %d\r\n%s\r\n" % (status, fields)
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return _Raw(self.sent, time.monotonic(), status, head, bytes(body))
            elif event is h11.NEED_DATA:
                return None
            elif isinstance(event, h11.ConnectionClosed):
                raise ConnectionResetError("the connection was closed")


class _Burst:
    """A burst under way. See `burst`."""

    def __init__(self, service: Service, asks: Sequence[Ask], lines: int, deadline: float) -> None:
        url = httpx.URL(service.url)
        self._service = service
        self._address = (url.host, url.port or 80)
        self._asks = asks
        self._count = min(lines, len(asks))
        self._deadline = deadline
        self._until = time.monotonic() + deadline
        self._waiting = deque(range(len(asks)))
        self._answers: list[_Raw | None] = [None] * len(asks)
        self._selector = selectors.DefaultSelector()
        self._lines: set[_Line] = set()
        self._profile = f"Host: {url.host}:{url.port}\r\nAccept: */*\r\nUser-Agent: {service.user_agent}\r\n"

    def run(self) -> list[_Raw]:
        """All the answers, in the order of the requests."""
        began = time.monotonic()
        try:
            ready = self._connect()
            for line in ready:
                self._send(line)
            while self._lines:
                for key, _ in self._events():
                    self._receive(key.data)
        finally:
            DIARY.note_exchange(time.monotonic() - began)
            self._selector.close()
            for line in self._lines:
                line.socket.close()
        return [answer for answer in self._answers if answer is not None]

    def _connect(self) -> list[_Line]:
        """Open all connections; nothing is sent before the last one stands."""
        for _ in range(self._count):
            self._open()
        ready: list[_Line] = []
        while len(ready) < self._count:
            for key, _ in self._events():
                line: _Line = key.data
                if not line.is_connected:
                    self._broken(line, "the connection was refused")
                self._selector.modify(line.socket, selectors.EVENT_READ, line)
                ready.append(line)
        return ready

    def _open(self) -> None:
        line = _Line(self._address)
        self._lines.add(line)
        line.connect()
        self._selector.register(line.socket, selectors.EVENT_WRITE, line)

    def _events(self) -> list[tuple[selectors.SelectorKey, int]]:
        left = self._until - time.monotonic()
        events = self._selector.select(max(0.0, left))
        if not events and left <= 0:
            missing = next(number for number, answer in enumerate(self._answers) if answer is None)
            got = f"{sum(answer is None for answer in self._answers)} of {len(self._asks)} unanswered"
            failure = self._failure(
                missing, f"an answer to each request, the next within {self._deadline:g} s", got, time.monotonic()
            )
            raise Exceeded(failure, self._deadline)
        return events

    def _send(self, line: _Line) -> None:
        number = self._waiting.popleft()
        ask = self._asks[number]
        fields = "".join(f"{name}: {value}\r\n" for name, value in ask.headers.items())
        if ask.body:
            fields += f"Content-Length: {len(ask.body)}\r\n"
        request = f"{ask.method} {ask.target} HTTP/1.1\r\n{self._profile}{fields}\r\n"
        try:
            line.send(number, request.encode("latin-1") + ask.body)
        except OSError as fault:
            self._broken(line, str(fault))

    def _receive(self, line: _Line) -> None:
        if line.number < 0:  # a later connection stands
            if not line.is_connected:
                self._broken(line, "the connection was refused")
            if self._waiting:
                self._selector.modify(line.socket, selectors.EVENT_READ, line)
                self._send(line)
            else:
                self._end(line)
            return
        try:
            told = line.receive()
        except (OSError, h11.ProtocolError) as fault:
            self._broken(line, str(fault) or type(fault).__name__)
        if told is None:
            return
        self._answers[line.number] = told
        self._until = told.answered + self._deadline
        if self._waiting and not _CLOSES.search(told.head):
            self._send(line)
            return
        self._end(line)
        if self._waiting:
            self._open()

    def _end(self, line: _Line) -> None:
        self._selector.unregister(line.socket)
        line.socket.close()
        self._lines.remove(line)

    def _broken(self, line: _Line, why: str) -> NoReturn:
        """End the check as a broken exchange of `Client` does."""
        failure = self._failure(max(0, line.number), "a valid HTTP/1.1 answer", why, line.sent)
        raise Broken(failure, Reason.PROTOCOL_ERROR, IDLE_SECONDS if line.heard_nothing else 0.0) from None

    def _failure(self, number: int, expected: str, got: str, sent: float) -> Failure:
        ask = self._asks[number]
        exchange = Exchange(ask.method, ask.target, tuple(ask.headers.items()), from_bytes(ask.body, SHOWN_BYTES), sent,
                            time.monotonic(), problem=got, service=self._service.name,
                            is_verbatim=is_verbatim(ask.body, SHOWN_BYTES))  # fmt: skip
        return Failure(expected, got, AT_ONCE, (exchange,))


def burst(service: Service, asks: Sequence[Ask], *, connections: int = 200, deadline: float = DEADLINE) -> list[Answer]:
    """Send many requests, the first of each connection as nearly at once as can be; returns the answers in their order.

    Args:
        service: whom to ask.
        asks: the requests; more than there are connections follow one another on each.
        connections: side by side; all are open before anything is sent.
        deadline: seconds in which no answer at all comes.

    Raises:
        Exceeded: the deadline passed.
        Broken: a connection broke, or what came is no HTTP.
    """
    came = _Burst(service, asks, connections, deadline).run()
    return [_answer(service, ask, raw) for ask, raw in zip(asks, came, strict=True)]


def flood(
    service: Service, asks: Sequence[Ask], status: int, why: str, *, connections: int = 16, deadline: float = DEADLINE
) -> None:
    """Send very many requests whose answers matter only by their status; fails the check at one that has another.

    Args and errors as for `burst`.
    """
    came = _Burst(service, asks, connections, deadline).run()
    for ask, raw in zip(asks, came, strict=True):
        if raw.status != status:
            _answer(service, ask, raw).expect(status, why)


def _answer(service: Service, ask: Ask, raw: _Raw) -> Answer:
    pairs = [line.partition(b":")[::2] for line in raw.head.split(b"\r\n")[1:] if line]
    fields = tuple((name.decode("latin-1"), value.strip().decode("latin-1")) for name, value in pairs)
    exchange = Exchange(ask.method, ask.target, tuple(ask.headers.items()), from_bytes(ask.body, SHOWN_BYTES), raw.sent,
                        raw.answered, raw.status, fields, from_bytes(raw.body, SHOWN_BYTES), service=service.name,
                        is_verbatim=is_verbatim(ask.body, SHOWN_BYTES))  # fmt: skip
    return Answer(exchange, httpx.Headers(fields), raw.body)
