"""The recorded HTTP client: what was sent, what came, and the two moments between which the service acted."""

from __future__ import annotations

import dataclasses
import json
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn

import httpcore
import httpx

from labrunner.checks.diary import DIARY
from labrunner.checks.verdicts import Broken, Exceeded, Failed, fail
from labrunner.checks.wire_transport import BYTES, TooLarge, WireTransport
from labrunner.model.outcome import Exchange, Failure
from labrunner.model.status import Reason
from labrunner.rules.text import from_bytes, is_verbatim

if TYPE_CHECKING:
    from collections.abc import Sequence

    HeaderFields = Mapping[str, str] | Sequence[tuple[str, str]]

DEADLINE = 5.0
"""Seconds for a whole exchange, unless the check says otherwise."""
IDLE_SECONDS = 2.0
"""No usual server ends a connection that was idle for a shorter time."""
SHOWN_BYTES = 2000
_JSON_TYPES = {"application/json", "application/problem+json"}


class Answer:
    """A complete answer.

    Attributes:
        status: the status code.
        body: the decoded body.
        sent: monotonic seconds right before the request was sent.
        answered: monotonic seconds right after the answer was read.
        exchange: the record of it, for failures.
    """

    def __init__(self, exchange: Exchange, fields: httpx.Headers, body: bytes) -> None:
        assert exchange.status is not None
        self.status = exchange.status
        self.body = body
        self.sent = exchange.sent
        self.answered = exchange.answered
        self.exchange = exchange
        self.headers = Fields(fields)

    @property
    def text(self) -> str:
        """The body as text; bytes that are no UTF-8 are escaped."""
        return from_bytes(self.body, SHOWN_BYTES)

    @property
    def line(self) -> str:
        """Status and its phrase, e.g. ``404 Not Found``."""
        return phrase(self.status)

    def expect(self, status: int, why: str) -> Answer:
        """This answer, when it has that status; else the check fails."""
        if self.status != status:
            fail(self, expected=phrase(status), got=self.line, why=why)
        return self

    def json(self, why: str) -> Any:
        """The body as JSON; fails the check when the body is none, or ``Content-Type`` does not say so."""
        kind = (self.headers.get("Content-Type") or "").split(";")[0].strip().lower()
        if kind not in _JSON_TYPES:
            got = f"Content-Type: {kind}" if kind else "no Content-Type"
            fail(self, expected="a JSON body with Content-Type: application/json", got=got, why=why)
        try:
            return json.loads(self.body.decode("utf-8"), parse_constant=_no_constant)
        except (ValueError, RecursionError) as fault:
            fail(self, expected="a body that is JSON in UTF-8", got=f"{self.text!r} ({fault})", why=why)


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A request without a complete answer: carried out once or not at all, at any moment from its sending on (C-16)."""

    exchange: Exchange

    @property
    def sent(self) -> float:
        """Monotonic seconds right before it was sent."""
        return self.exchange.sent


class Fields:
    """The answer's header fields; names in any case."""

    def __init__(self, fields: httpx.Headers) -> None:
        self._fields = fields

    def get(self, name: str) -> str | None:
        """The field's value, repeated lines joined by ``, ``; None when it is absent."""
        value: str | None = self._fields.get(name)
        return value

    def get_all(self, name: str) -> list[str]:
        """Each line's value."""
        return self._fields.get_list(name)

    def __contains__(self, name: str) -> bool:
        return name in self._fields


class Client:
    """Speaks HTTP/1.1 to one service over one persistent connection. Not for several threads at once.

    A deadline that passes, a broken answer and a dead service end the check by themselves; no check catches them.

    Args:
        url: ``http://host:port``.
        name: what failures call the service.
    """

    def __init__(self, url: str, name: str = "service", user_agent: str = "lab") -> None:
        self._url = httpx.URL(url)
        self._name = name
        self._profile = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": user_agent}
        # No `httpx.Client`: it would keep cookies, look at `Location`, and load certificates for 18 ms.
        self._transport = WireTransport()

    def get(self, target: str, *, headers: HeaderFields = (), deadline: float = DEADLINE) -> Answer:
        """`request` with GET."""
        return self.request("GET", target, headers=headers, deadline=deadline)

    def attempt(
        self,
        target: str,
        *,
        method: str = "GET",
        headers: HeaderFields = (),
        body: bytes = b"",
        deadline: float = DEADLINE,
    ) -> Answer | Unanswered:
        """`request` where no answer is no verdict: of a service that is killed meanwhile nobody can expect one."""
        try:
            return self._ask(method, target, headers, body, deadline, is_judged=False)
        except (Exceeded, Broken) as fault:
            self.close()
            return Unanswered(fault.failure.exchanges[-1])

    def post(self, target: str, *, headers: HeaderFields = (), body: bytes = b"", deadline: float = DEADLINE) -> Answer:
        """`request` with POST."""
        return self.request("POST", target, headers=headers, body=body, deadline=deadline)

    def request(
        self,
        method: str,
        target: str,
        *,
        headers: HeaderFields = (),
        body: bytes = b"",
        deadline: float = DEADLINE,
    ) -> Answer:
        """Send one request and read its whole answer.

        Args:
            method: sent as it is.
            target: the request target, sent as it is (visible ASCII).
            headers: fields beside the client's own; values are sent as they are (latin-1).
            body: sent with its ``Content-Length`` when not empty.
            deadline: seconds for all of it.

        Raises:
            Exceeded: the deadline passed.
            Broken: the connection broke, or what came is no HTTP.
            Failed: the answer is larger than any that a contract allows.
        """
        return self._ask(method, target, headers, body, deadline, is_judged=True)

    def _ask(
        self, method: str, target: str, headers: HeaderFields, body: bytes, deadline: float, *, is_judged: bool
    ) -> Answer:
        """`is_judged`: whether a deadline that passes speaks against the service, so that its margin is noted."""
        pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
        request = httpx.Request(
            method,
            self._url,
            headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in self._fields(pairs)],
            content=body or None,
            extensions={"deadline": deadline, "target": target.encode("latin-1")},
        )
        sent = time.monotonic()
        outline = Exchange(method, target, tuple(pairs), from_bytes(body, SHOWN_BYTES), sent, sent, service=self._name,
                           is_verbatim=is_verbatim(body, SHOWN_BYTES))  # fmt: skip
        try:
            response = self._transport.handle_request(request)
            try:
                data = _decoded(b"".join(response.iter_raw()), response.headers.get("Content-Encoding", ""))
            finally:
                response.close()
        except Exception as fault:  # noqa: BLE001 - sorted there; what is not the service's doing goes on as it is
            DIARY.note_exchange(time.monotonic() - sent)
            if is_judged:
                DIARY.note_deadline(time.monotonic() - sent, deadline)
            _judge(fault, outline, deadline, is_silent=self._transport.heard_nothing)
        answered = time.monotonic()
        DIARY.note_exchange(answered - sent)
        if is_judged:
            DIARY.note_deadline(answered - sent, deadline)
        fields = tuple(
            (name.decode("latin-1"), value.decode("latin-1", "replace")) for name, value in response.headers.raw
        )
        exchange = dataclasses.replace(outline, answered=answered, status=response.status_code, response_headers=fields,
                                       response_body=from_bytes(data, SHOWN_BYTES))  # fmt: skip
        return Answer(exchange, response.headers, data)

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def _fields(self, pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """The client's own fields, but for those that the check sends itself, then the check's."""
        sent = {name.lower() for name, _ in pairs}
        return [(name, value) for name, value in self._profile.items() if name.lower() not in sent] + pairs


def phrase(status: int) -> str:
    """A status in words, e.g. ``404 Not Found``; the number alone where it has none."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _judge(fault: Exception, outline: Exchange, deadline: float, *, is_silent: bool) -> NoReturn:
    """Turn what the transport raised into how the check ends."""
    seconds = time.monotonic() - outline.sent

    def failure(expected: str, got: str, why: str) -> Failure:
        broken = dataclasses.replace(outline, answered=time.monotonic(), problem=got)
        return Failure(expected, got, why, (broken,))

    if isinstance(fault, httpcore.TimeoutException):
        why = "A client gives up on an answer that does not come."
        raise Exceeded(
            failure(f"a complete answer within {deadline:g} s", f"none after {seconds:.1f} s", why), deadline
        ) from None
    if isinstance(fault, TooLarge):
        got = f"more than {BYTES >> 20} MiB"
        raise Failed(
            failure("an answer of a sane size", got, "No answer of this lab is so large."), Reason.TOO_LARGE
        ) from None
    if isinstance(fault, zlib.error):
        got = f"a body that is not what its Content-Encoding says ({fault})"
        raise Failed(failure("a body that can be decoded", got, ""), Reason.PROTOCOL_ERROR) from None
    if isinstance(fault, httpcore.LocalProtocolError):
        raise fault
    if isinstance(fault, httpcore.RemoteProtocolError | httpcore.NetworkError):
        why = "Each request gets one complete HTTP answer."
        got = str(fault) or "the connection broke"
        raise Broken(
            failure("a valid HTTP/1.1 answer", got, why), Reason.PROTOCOL_ERROR, IDLE_SECONDS if is_silent else 0.0
        ) from None
    raise fault


def _decoded(data: bytes, coding: str) -> bytes:
    """The body without its content coding, never larger than `BYTES`."""
    if coding.strip().lower() not in {"gzip", "deflate"}:
        return data
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)
    plain = inflater.decompress(data, BYTES)
    if inflater.unconsumed_tail or len(plain) >= BYTES:
        raise TooLarge
    if data and not inflater.eof:
        raise zlib.error("it ends too early")
    return plain


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
