"""A client that speaks bytes: split anywhere, pipelined, half-closed, dripped, aborted; with a transcript of it all."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, Self
from urllib.parse import urlsplit

from labrunner.checks import message
from labrunner.checks.clock import wait
from labrunner.checks.diary import DIARY
from labrunner.checks.http import DEADLINE, IDLE_SECONDS, SHOWN_BYTES, phrase
from labrunner.checks.message import Body, Head, NotHTTP
from labrunner.checks.verdicts import Broken, Exceeded, Failed, fail
from labrunner.model.outcome import Exchange, Failure, Piece
from labrunner.model.status import Reason
from labrunner.rules.text import from_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

KEPT_BYTES = 64 * 1024
"""Of one piece, for the transcript."""
KEPT_PIECES = 400
_REQUEST_LINE = re.compile(rb"([!-~]{1,40}) ([!-~]{1,8200})(?: |\r|\n)")


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer.

    Attributes:
        head: status line and fields.
        content: the body, without its transfer coding.
        began: monotonic seconds right after its first byte was read.
        body_began: the same of the body's first byte; of the head's last when there is no body.
        answered: the same of its last byte.
        sent: monotonic seconds right before the first byte since the answer before it was sent.
        interim: the 1xx answers that came before it.
        exchange: the record of it, for failures.
    """

    head: Head
    body: Body
    sent: float
    began: float
    body_began: float
    answered: float
    interim: tuple[Head, ...]
    exchange: Exchange

    @property
    def status(self) -> int:
        """The status code."""
        return self.head.status

    @property
    def content(self) -> bytes:
        """The body, without its transfer coding."""
        return self.body.content

    def get(self, name: str) -> str | None:
        """The field's value, repeated lines joined by ``, ``; None when it is absent."""
        found = self.head.all(name)
        return ", ".join(found) if found else None

    def tokens(self, name: str) -> set[str]:
        """The members of a list of tokens, in lower case."""
        return {part.strip().lower() for part in (self.get(name) or "").split(",") if part.strip()}

    @property
    def line(self) -> str:
        """Status and its phrase, e.g. ``404 Not Found``."""
        return phrase(self.status)

    def expect(self, *statuses: int, why: str) -> Reply:
        """This answer, when it has one of those statuses; else the check fails."""
        if self.status not in statuses:
            fail(self, expected=" or ".join(map(phrase, statuses)), got=self.line, why=why)
        return self

    @property
    def says_close(self) -> bool:
        """Whether it tells that the connection ends with it."""
        return "close" in self.tokens("Connection")


class Connection:
    """One TCP connection to a service. Not for several threads at once.

    Attributes:
        began: monotonic seconds right before it was asked for.

    Args:
        url: ``http://host:port``.
        name: what failures call the service.
    """

    def __init__(self, url: str, name: str = "service") -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self.host = parts.netloc
        self._name = name
        self.began = time.monotonic()
        self._pieces: list[Piece] = []
        self._data = b""
        self._arrivals: list[tuple[int, float]] = []
        self._taken = 0
        self._ended = ""
        self._sent: float | None = None
        self._request = b""
        try:
            self._socket = socket.create_connection((parts.hostname, parts.port or 80), DEADLINE)
        except TimeoutError:
            failure = Failure("a connection within 5 s", "none", "A server accepts whoever comes.")
            raise Exceeded(failure, DEADLINE) from None
        except OSError as fault:
            failure = Failure("a connection", f"none: {fault.strerror}", "A server accepts whoever comes.")
            raise Broken(failure, Reason.PROTOCOL_ERROR, IDLE_SECONDS) from None
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # --- saying something ----------------------------------------------------------------------------------------

    def send(self, *pieces: bytes, gap: float = 0.0) -> Connection:
        """Send each piece by a call of its own, `gap` seconds apart.

        That the service closes meanwhile is no fault yet: what it said before is still to be read.
        """
        for number, piece in enumerate(pieces):
            if number and gap:
                wait(gap)
            if self._sent is None:
                self._sent = time.monotonic()
            if len(self._request) < 9000:
                self._request += piece[:9000]
            self._note(is_sent=True, data=piece)
            try:
                self._socket.settimeout(DEADLINE)
                self._socket.sendall(piece)
            except TimeoutError:
                self._exceeded(DEADLINE, "the request read within 5 s", "the service did not read on")
            except OSError:
                return self
        return self

    def half_close(self) -> Connection:
        """Say that nothing more will be sent; answers are still read."""
        self._note(is_sent=True, event="end")
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
        return self

    def abort(self) -> None:
        """Break the connection off with a reset."""
        self._note(is_sent=True, event="reset")
        DIARY.note_exchange(0.0)
        break_off(self._socket)

    def close(self) -> None:
        """Close it. May be called twice."""
        DIARY.note_exchange(0.0)
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    # --- hearing something ---------------------------------------------------------------------------------------

    def read(self, method: str = "GET", *, deadline: float = DEADLINE) -> Reply:
        """The next final answer, whole.

        Args:
            method: of the request that it answers; one to HEAD has no body.
            deadline: seconds for all of it.

        Raises:
            Exceeded: the deadline passed.
            Broken: the connection ended before or in it.
            Failed: what came is no HTTP.
        """
        reply = self.read_or_end(method, deadline=deadline)
        if reply is None:
            got = (
                "the connection was reset" if self._ended == "reset" else "the connection was closed without an answer"
            )
            failure = self.failure("a complete answer", got, "Each request gets one complete answer.")
            raise Broken(failure, Reason.PROTOCOL_ERROR, IDLE_SECONDS)
        return reply

    def read_or_end(self, method: str = "GET", *, deadline: float = DEADLINE) -> Reply | None:
        """As `read`; None when the connection ended instead, without one byte of an answer."""
        began = time.monotonic()
        until = began + deadline
        interim: list[Head] = []
        try:
            while True:
                reply = self._take(method, tuple(interim), until, deadline)
                if reply is None or reply.status >= 200:
                    return reply
                interim.append(reply.head)
        except NotHTTP as fault:
            raise self._unreadable(fault) from None
        finally:
            took = time.monotonic() - began
            DIARY.note_exchange(took)
            DIARY.note_deadline(took, deadline)

    def read_interim(self, *, deadline: float = DEADLINE) -> int:
        """The status of the next answer, be it interim or final; the answer itself is left to `read`."""
        began = time.monotonic()
        try:
            head = self._head(began + deadline, deadline)
        except NotHTTP as fault:
            raise self._unreadable(fault) from None
        finally:
            DIARY.note_exchange(time.monotonic() - began)
        if head is None:
            failure = self.failure("an answer", "the connection ended", "Each request gets an answer.")
            raise Broken(failure, Reason.PROTOCOL_ERROR, IDLE_SECONDS)
        return head.status

    def end(self, *, within: float, why: str) -> float:
        """Wait for the service's end of the connection, closed or reset; returns the moment after it was seen.

        Raises:
            Failed: further bytes came.
            Exceeded: it stays open.
        """
        began = time.monotonic()
        expected = f"the connection closed within {within:g} s"
        try:
            while not self._ended and not self._data:
                if not self._more(began + within):
                    self._exceeded(within, expected, "it stays open", why)
        finally:
            DIARY.note_exchange(time.monotonic() - began)
            DIARY.note_deadline(time.monotonic() - began, within)
        if self._data:
            got = f"further bytes: {self._data[:60]!r}"
            raise Failed(self.failure("nothing more, and the end of the connection", got, why), Reason.MISMATCH)
        return time.monotonic()

    @property
    def has_ended(self) -> bool:
        """Whether the service's end was seen so far, and nothing is left to be read."""
        return bool(self._ended) and not self._data

    def peek(self, seconds: float) -> bytes:
        """What has arrived unread, waiting for at most `seconds` for a first byte; empty for none (or the end)."""
        until = time.monotonic() + seconds
        while not self._data and not self._ended and self._more(until):
            pass
        return self._data

    def rest(self, seconds: float) -> bytes:
        """What has arrived unread when the service ends the connection, or after so many seconds."""
        until = time.monotonic() + seconds
        while not self._ended and self._more(until):
            pass
        return self._data

    def _take(self, method: str, interim: tuple[Head, ...], until: float, deadline: float) -> Reply | None:
        head = self._head(until, deadline)
        if head is None:
            return None
        while True:
            body = message.read_body(head, method, self._data[head.length :], has_ended=bool(self._ended))
            if body is not None:
                break
            if self._ended:
                got = f"the connection ended after {len(self._data) - head.length} bytes of the body"
                raise Broken(self.failure("a whole body", got, "It ends before it is complete."), Reason.PROTOCOL_ERROR)
            if not self._more(until):
                got = f"only {len(self._data) - head.length} bytes of its body"
                self._exceeded(deadline, f"a complete answer within {deadline:g} s", got)
        first, began, body_began, answered = (
            self._moment(place) for place in (1, head.length, head.length + 1, head.length + body.length)
        )
        reply = Reply(
            head,
            body,
            self._sent if self._sent is not None else first,
            began,
            body_began if body.length else began,
            answered,
            interim,
            self._exchange(head, body, answered),
        )
        self._drop(head.length + body.length)
        if head.status >= 200:
            self._sent, self._request = None, b""
        return reply

    def _head(self, until: float, deadline: float) -> Head | None:
        while True:
            head = message.read_head(self._data) if self._data else None
            if head is not None:
                if head.version != "HTTP/1.1":
                    raise NotHTTP(f"the answer's version is {head.version}, not HTTP/1.1")
                return head
            if self._ended:
                if not self._data:
                    return None
                got = f"the connection ended inside the header fields: {self._data[-60:]!r}"
                raise Broken(self.failure("a whole answer", got, ""), Reason.PROTOCOL_ERROR)
            if not self._more(until):
                self._exceeded(deadline, f"an answer within {deadline:g} s", "none")

    def _more(self, until: float) -> bool:
        """Read what comes next, or the end; False when the time is over."""
        left = until - time.monotonic()
        if left <= 0:
            return False
        self._socket.settimeout(left)
        try:
            data = self._socket.recv(1 << 16)
        except TimeoutError:
            return False
        except OSError:
            self._ended = "reset"
        else:
            self._ended = "" if data else "end"
            self._data += data
            if data:
                self._arrivals.append((self._taken + len(self._data), time.monotonic()))
                self._note(is_sent=False, data=data)
                return True
        self._note(is_sent=False, event=self._ended)
        return True

    def _moment(self, place: int) -> float:
        """When the byte number `place` (from 1) of what is unread had arrived."""
        wanted = self._taken + place
        return next((moment for total, moment in self._arrivals if total >= wanted), time.monotonic())

    def _drop(self, count: int) -> None:
        self._data = self._data[count:]
        self._taken += count
        self._arrivals = [(total, moment) for total, moment in self._arrivals if total > self._taken]

    # --- telling of it -------------------------------------------------------------------------------------------

    def _note(self, *, is_sent: bool, data: bytes = b"", event: str = "") -> None:
        if len(self._pieces) >= KEPT_PIECES:
            del self._pieces[KEPT_PIECES // 2]
        cut = max(0, len(data) - KEPT_BYTES)
        kept = data if not cut else data[: KEPT_BYTES // 2] + data[len(data) - KEPT_BYTES // 2 :]
        self._pieces.append(Piece(round(time.monotonic() - self.began, 4), is_sent, kept, cut, event))

    def _exchange(self, head: Head | None, body: Body | None, answered: float, problem: str = "") -> Exchange:
        line = _REQUEST_LINE.match(self._request)
        method, target = (line[1].decode(), line[2].decode()) if line else ("", "")
        return Exchange(
            method,
            target,
            (),
            "",
            self._sent if self._sent is not None else answered,
            answered,
            head.status if head else None,
            head.fields if head else (),
            from_bytes(body.content, SHOWN_BYTES) if body else "",
            problem,
            self._name,
            tuple(self._pieces),
        )

    @property
    def exchange(self) -> Exchange:
        """The record of the connection so far, for failures: it may be given to `fail` like an answer."""
        return self._exchange(None, None, time.monotonic())

    def failure(self, expected: str, got: str, why: str) -> Failure:
        """A failure with this connection's transcript."""
        return Failure(expected, got, why, (self._exchange(None, None, time.monotonic(), got),))

    def _unreadable(self, fault: NotHTTP) -> Failed:
        failure = self.failure("a valid HTTP/1.1 answer", str(fault), "Clients must be able to read it.")
        return Failed(failure, Reason.PROTOCOL_ERROR)

    def _exceeded(self, deadline: float, expected: str, got: str, why: str = "") -> NoReturn:
        why = why or "A client gives up on an answer that does not come."
        raise Exceeded(self.failure(expected, got, why), deadline)


def break_off(connection: socket.socket) -> None:
    """Close it by a reset."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def raw_request(
    target: str,
    *fields: str,
    method: str = "GET",
    body: bytes | None = None,
    host: str = "lab",
    version: str = "HTTP/1.1",
) -> bytes:
    """A request as bytes: ``Host`` first, then `fields` as they are, then the length of `body` if there is one."""
    lines: Iterable[str] = [f"{method} {target} {version}", *([f"Host: {host}"] if host else []), *fields]
    if body is not None:
        lines = [*lines, f"Content-Length: {len(body)}"]
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1") + b"\r\n" + (body or b"")
