"""Sends again what a failed check sent: byte by byte and pause by pause, or as the same HTTP request."""

from __future__ import annotations

import contextlib
import select
import socket
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from labrunner.checks.connection import break_off
from labrunner.checks.http import Client
from labrunner.checks.verdicts import Verdict
from labrunner.model.outcome import Exchange, Piece

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_PAUSE = 30.0
LAST_WORDS = 6.0
"""Seconds for what comes after the last byte was sent."""
QUIET = 1.0
"""Seconds without a byte after which nothing more is waited for, once something came."""


def again(url: str, exchange: Exchange) -> Exchange:
    """What comes of `exchange` now, from the service at `url`."""
    if exchange.transcript:
        try:
            connection = _connected(url)
        except OSError as fault:
            now, problem = time.monotonic(), f"the service cannot be reached: {fault.strerror or fault}"
            return Exchange(exchange.method, exchange.target, (), "", now, now, problem=problem)
        return _Bytes(connection, exchange.transcript).run(exchange)
    client = Client(url)
    try:
        answer = client.request(
            exchange.method,
            exchange.target,
            headers=exchange.request_headers,
            body=exchange.request_body.encode("utf-8", "surrogateescape"),
        )
    except Verdict as verdict:
        return verdict.failure.exchanges[-1]
    finally:
        client.close()
    return answer.exchange


def _connected(url: str) -> socket.socket:
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname or "", parts.port or 80), LAST_WORDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


class _Bytes:
    def __init__(self, connection: socket.socket, pieces: Sequence[Piece]) -> None:
        self._pieces = pieces
        self._began = time.monotonic()
        self._socket = connection
        self._told: list[Piece] = []
        self._came = 0
        self._ended = False

    def run(self, exchange: Exchange) -> Exchange:
        sent = time.monotonic()
        with self._socket:
            before, wanted = 0.0, 0
            for piece in self._pieces:
                if piece.is_sent:
                    self._listen(until=time.monotonic() + min(piece.at - before, LONGEST_PAUSE), wanted=wanted)
                    self._send(piece)
                    before = piece.at
                else:
                    # What the grader had read before it went on, it waits for again.
                    wanted += len(piece.data) + piece.cut
            self._listen(until=time.monotonic() + max(LAST_WORDS, self._silence()), wanted=wanted, is_last=True)
        return Exchange(exchange.method, exchange.target, (), "", sent, time.monotonic(), transcript=tuple(self._told))

    def _silence(self) -> float:
        """How long the last piece was waited for, then."""
        last_sent = max((piece.at for piece in self._pieces if piece.is_sent), default=0.0)
        return max((piece.at for piece in self._pieces), default=0.0) - last_sent + QUIET

    def _send(self, piece: Piece) -> None:
        self._told.append(Piece(self._now(), is_sent=True, data=piece.data, event=piece.event))
        with contextlib.suppress(OSError):
            if piece.event == "reset":
                break_off(self._socket)
                self._ended = True
            elif piece.event:
                self._socket.shutdown(socket.SHUT_WR)
            else:
                self._socket.sendall(piece.data)

    def _listen(self, *, until: float, wanted: int, is_last: bool = False) -> None:
        """Read until then; longer for what came before the next piece then, shorter when the last has come."""
        patience = until + (0.0 if is_last else LAST_WORDS)
        heard = time.monotonic()
        while not self._ended:
            now = time.monotonic()
            is_complete = self._came >= wanted
            if now >= (until if is_complete else patience) or (
                is_last and is_complete and self._came and now >= heard + QUIET
            ):
                return
            readable, _, _ = select.select([self._socket], [], [], 0.02)
            if readable:
                self._take()
                heard = time.monotonic()

    def _take(self) -> None:
        try:
            data = self._socket.recv(1 << 16)
        except OSError:
            data, event = b"", "reset"
        else:
            event = "" if data else "end"
        self._ended = bool(event)
        self._came += len(data)
        self._told.append(Piece(self._now(), is_sent=False, data=data, event=event))

    def _now(self) -> float:
        return round(time.monotonic() - self._began, 4)
