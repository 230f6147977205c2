"""Stage respond: one request, one right answer."""

from __future__ import annotations

import datetime as dt
import time

from vocabulary import CLOSE, Server, expect_body, expect_type, field

from labrunner.checks import GRANULARITY, Reply, fail, raw_request

FIXDATE = "%a, %d %b %Y %H:%M:%S GMT"
SKEW = 2.0
AFTER_THE_ANSWER = 0.1


def test_status_line(server: Server) -> None:
    """HS-12: what answers speaks HTTP/1.1."""
    server.ask("/")


def test_ok(server: Server) -> None:
    """HS-3: GET / is answered with ok."""
    why = "The first thing that anybody asks a server."
    reply = expect_body(server.ask("/"), b"ok\n", why)
    expect_type(reply, "text/plain", why)


def test_date(server: Server) -> None:
    """HS-12: every answer says when it was made."""
    for target in ("/", f"/{server.word()}"):
        before = time.time()
        reply = server.ask(target)
        _check_date(reply, before, time.time())


def _check_date(reply: Reply, before: float, after: float) -> None:
    why = "Caches reckon with the Date of an answer; it has one form, e.g. Sun, 06 Nov 1994 08:49:37 GMT."
    value = field(reply, "Date", why)
    try:
        moment = dt.datetime.strptime(value, FIXDATE).replace(tzinfo=dt.UTC)
    except ValueError:
        fail(reply, expected="Date as an IMF-fixdate", got=f"Date: {value}", why=why)
    if moment.strftime(FIXDATE) != value:
        fail(reply, expected=f"Date: {moment.strftime(FIXDATE)}", got=f"Date: {value}", why=why)
    if not before - SKEW - GRANULARITY <= moment.timestamp() <= after + SKEW + GRANULARITY:
        truth = dt.datetime.fromtimestamp(after, dt.UTC).strftime(FIXDATE)
        fail(reply, expected=f"Date within 2 s of {truth}", got=f"Date: {value}", why=why)


def test_length(server: Server) -> None:
    """HS-12: an answer tells where it ends, and ends there."""
    why = "On a connection that stays open only the length tells where an answer ends."
    with server.connect() as connection:
        connection.send(raw_request("/", CLOSE))
        reply = connection.read()
        if reply.body.framing == "close":
            fail(reply, expected="Content-Length, or the chunked coding", got="neither", why=why)
        if more := connection.peek(AFTER_THE_ANSWER):
            fail(
                connection, expected=f"{len(reply.content)} bytes of body", got=f"further bytes: {more[:40]!r}", why=why
            )
