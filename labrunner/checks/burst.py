"""Many requests at once: raw sockets that connect first, are released together, and note both moments of each answer.

Nobody can make requests simultaneous, only overlapping (C-23). One thread and a selector come closer to it than threads
do, and cost so little that the service, not the sender, is what is slow.
"""

from __future__ import annotations

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
from labrunner.rules.text import from_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from labrunner.checks.services import Service

DEADLINE = 30.0
"""Seconds for all of it."""
CHUNK = 65536
AT_ONCE = "Many clients come at once, and each waits for its answer."


@dataclass(frozen=True, slots=True)
class Ask:
    """One GET.

    Attributes:
        target: the request target, sent as it is (visible ASCII).
        headers: fields beside the client's own.
    """

    target: str
    headers: Mapping[str, str] = field(default_factory=dict)


class _Line:
    """One connection, and the request that is under way on it."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self._address = address
        self.number = -1
        self.sent = 0.0
        self._parser = h11.Connection(h11.CLIENT)
        self._heard = False
        self._response: h11.Response | None = None
        self._body = bytearray()

    def connect(self) -> None:
        """Begin to; `is_connected` asks how it went when the socket can be written to."""
        self.socket.connect_ex(self._address)

    @property
    def is_connected(self) -> bool:
        return self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0

    @property
    def heard_nothing(self) -> bool:
        """Whether not one byte of an answer came."""
        return not self._heard

    def send(self, number: int, request: h11.Request) -> None:
        """Send one request; small enough to fit into the socket's buffer."""
        self.number, self._heard, self._response = number, False, None
        self._body.clear()
        data = self._parser.send(request) or b""
        self._parser.send(h11.EndOfMessage())
        self.sent = time.monotonic()
        self.socket.send(data)

    def receive(self) -> tuple[h11.Response, bytes] | None:
        """The answer, when it is complete.

        Raises:
            OSError, h11.ProtocolError: the connection broke, or what came is no HTTP.
        """
        try:
            data = self.socket.recv(CHUNK)
        except BlockingIOError:
            return None
        self._heard = self._heard or bool(data)
        self._parser.receive_data(data)
        while True:
            event = self._parser.next_event()
            if isinstance(event, h11.Response):
                self._response = event
            elif isinstance(event, h11.Data):
                self._body += event.data
            elif isinstance(event, h11.EndOfMessage):
                assert self._response is not None
                return self._response, bytes(self._body)
            elif isinstance(event, h11.ConnectionClosed):
                raise ConnectionResetError("the connection was closed")
            elif event is h11.NEED_DATA:
                return None

    def is_reusable(self) -> bool:
        """Whether another request may follow; then it is ready for one."""
        if self._parser.our_state is not h11.DONE or self._parser.their_state is not h11.DONE:
            return False
        self._parser.start_next_cycle()
        return True


class Burst:
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
        self._answers: list[Answer | None] = [None] * len(asks)
        self._selector = selectors.DefaultSelector()
        self._lines: set[_Line] = set()
        self._profile = [("Host", f"{url.host}:{url.port}"), ("Accept", "*/*"), ("User-Agent", service.user_agent)]

    def run(self) -> list[Answer]:
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
            failure = self._failure(missing, f"all answers within {self._deadline:g} s", got, time.monotonic())
            raise Exceeded(failure, self._deadline)
        return events

    def _send(self, line: _Line) -> None:
        number = self._waiting.popleft()
        ask = self._asks[number]
        request = h11.Request(method="GET", target=ask.target, headers=[*self._profile, *ask.headers.items()])
        try:
            line.send(number, request)
        except OSError as fault:
            self._broken(line, str(fault))

    def _receive(self, line: _Line) -> None:
        if line.number < 0:  # a later connection stands
            if not line.is_connected:
                self._broken(line, "the connection was refused")
            self._selector.modify(line.socket, selectors.EVENT_READ, line)
            self._send(line)
            return
        try:
            told = line.receive()
        except (OSError, h11.ProtocolError) as fault:
            self._broken(line, str(fault) or type(fault).__name__)
        if told is None:
            return
        self._answers[line.number] = self._answer(line, *told)
        if self._waiting and line.is_reusable():
            self._send(line)
            return
        self._selector.unregister(line.socket)
        line.socket.close()
        self._lines.remove(line)
        if self._waiting:
            self._open()

    def _answer(self, line: _Line, response: h11.Response, body: bytes) -> Answer:
        answered = time.monotonic()
        ask = self._asks[line.number]
        raw = response.headers.raw_items()
        fields = tuple((name.decode("latin-1"), value.decode("latin-1", "replace")) for name, value in raw)
        exchange = Exchange("GET", ask.target, tuple(ask.headers.items()), "", line.sent, answered,
                            response.status_code, fields, from_bytes(body, SHOWN_BYTES),
                            service=self._service.name)  # fmt: skip
        return Answer(exchange, httpx.Headers(raw), body)

    def _broken(self, line: _Line, why: str) -> NoReturn:
        """End the check as a broken exchange of `Client` does."""
        failure = self._failure(max(0, line.number), "a valid HTTP/1.1 answer", why, line.sent)
        raise Broken(failure, Reason.PROTOCOL_ERROR, IDLE_SECONDS if line.heard_nothing else 0.0) from None

    def _failure(self, number: int, expected: str, got: str, sent: float) -> Failure:
        ask = self._asks[number]
        exchange = Exchange("GET", ask.target, tuple(ask.headers.items()), "", sent, time.monotonic(), problem=got,
                            service=self._service.name)  # fmt: skip
        return Failure(expected, got, AT_ONCE, (exchange,))


def burst(service: Service, asks: Sequence[Ask], *, connections: int = 200, deadline: float = DEADLINE) -> list[Answer]:
    """Send many requests, the first of each connection as nearly at once as can be; returns the answers in their order.

    Args:
        service: whom to ask.
        asks: the requests; more than there are connections follow one another on each.
        connections: side by side; all are open before anything is sent.
        deadline: seconds for all of it.

    Raises:
        Exceeded: the deadline passed.
        Broken: a connection broke, or what came is no HTTP.
    """
    return Burst(service, asks, connections, deadline).run()
