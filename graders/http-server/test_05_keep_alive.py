"""Stage keep-alive: many requests on one connection."""

from __future__ import annotations

from typing import Any

from vocabulary import CLOSE, Server, cut, expect_body, expect_echo, expect_field

from labrunner.checks import Connection, Reply, fail, for_all, raw_request

CLOSED_WITHIN = 3.0
"""Seconds from a last answer to the end of the connection; a deadline."""
PIPELINED = 16
BETWEEN_PIECES = 0.003
SOON = 2.0


def expect_end(connection: Connection, reply: Reply, why: str) -> None:
    """The answer says that the connection ends with it, and it does."""
    if not reply.says_close:
        got = f"Connection: {reply.get('Connection')}" if reply.get("Connection") else "no Connection field"
        fail(reply, expected="Connection: close in the last answer", got=got, why=why)
    connection.end(within=CLOSED_WITHIN, why=why)


def test_stays_open(server: Server) -> None:
    """HS-22: in HTTP/1.1 a connection stays open."""
    with server.connect() as connection:
        for _ in range(5):
            word = server.word()
            reply = expect_echo(
                connection.send(raw_request(f"/echo/{word}")).read(), word, "One connection, one answer a request."
            )
            if reply.says_close:
                why = "Only Connection: close in the request ends an HTTP/1.1 connection."
                fail(reply, expected="a connection that stays open", got="Connection: close", why=why)


def test_bodies_between(server: Server) -> None:
    """HS-18, HS-22: after a body the next request begins with its first byte."""
    why = "The next request begins right after the body's last byte."
    with server.connect() as connection:
        for length in (1, 300, 0, 5000):
            body = server.data(length)
            reply = connection.send(raw_request("/echo", method="POST", body=body)).read()
            expect_body(reply, body, why)
        connection.send(raw_request("/", method="HEAD") + raw_request("/"))
        connection.read("HEAD").expect(200, why=why)
        expect_body(connection.read(), b"ok\n", why)


def test_errors_stay_open(server: Server) -> None:
    """HS-22: an error by itself ends no connection."""
    why = "The request was understood; a client that errs once may go on asking."
    cases = (("GET", "/nothing", 404), ("DELETE", "/", 405), ("BREW", "/", 501), ("GET", "/slow/x", 400),
             ("GET", "/echo/%", 400))  # fmt: skip
    with server.connect() as connection:
        for method, path, status in cases:
            connection.send(raw_request(path, method=method)).read(method).expect(status, why=why)
        word = server.word()
        expect_echo(connection.send(raw_request(f"/echo/{word}")).read(), word, why)


def test_close_on_request(server: Server) -> None:
    """HS-22: Connection: close is obeyed and answered, in any case and in a list."""
    for value in ("close", "CLOSE", "x-thing, Close", "close,x-thing"):
        why = f"The client said Connection: {value}."
        with server.connect() as connection:
            reply = connection.send(raw_request("/", f"Connection: {value}")).read()
            expect_end(connection, expect_body(reply, b"ok\n", why), why)


def test_not_close(server: Server) -> None:
    """HS-22: only the option close closes."""
    why = "Options of Connection are whole words; closer is not close."
    with server.connect() as connection:
        for value in ("closer", "keep-alive", "x-close"):
            reply = connection.send(raw_request("/", f"Connection: {value}")).read()
            expect_body(reply, b"ok\n", why)
        expect_body(connection.send(raw_request("/", "X-Connection: close")).read(), b"ok\n", why)
        expect_body(connection.send(raw_request("/", CLOSE)).read(), b"ok\n", why)


def test_http_1_0(server: Server) -> None:
    """HS-22: HTTP/1.0 closes unless the client asks for more."""
    why = "HTTP/1.0 knows no persistent connection unless both sides say keep-alive."
    with server.connect() as connection:
        reply = connection.send(raw_request("/", host="", version="HTTP/1.0")).read()
        expect_end(connection, expect_body(reply, b"ok\n", why), why)
    with server.connect() as connection:
        for _ in range(2):
            request = raw_request("/", "Connection: Keep-Alive", version="HTTP/1.0")
            reply = expect_body(connection.send(request).read(), b"ok\n", why)
            if "keep-alive" not in reply.tokens("Connection"):
                expect_field(reply, "Connection", "keep-alive", why)


def test_pipelining(server: Server) -> None:
    """HS-23: requests that come before they are asked for are answered in order."""
    why = "Pipelined requests are answered one after another, in the order in which they came."
    words = [server.word() for _ in range(PIPELINED)]
    with server.connect() as connection:
        connection.send(b"".join(raw_request(f"/echo/{word}") for word in words))
        for word in words:
            expect_echo(connection.read(), word, why)


def test_pipelined_mix(server: Server) -> None:
    """HS-18, HS-23: any requests in any pieces."""
    why = "What is left of a read belongs to the next request; nothing of it may be lost or read twice."

    def attempt(plan: tuple[list[int], list[int]]) -> None:
        kinds, places = plan
        asked = [_request(server, kind) for kind in kinds]
        sent = b"".join(request for _, request, _ in asked)
        with server.connect() as connection:
            connection.send(*cut(sent, [place % len(sent) for place in places]), gap=BETWEEN_PIECES)
            for method, _, body in asked:
                expect_body(connection.read(method, deadline=SOON), body, why)

    def plans() -> Any:
        from hypothesis import strategies  # noqa: PLC0415 - loaded by the checks that use it

        kinds = strategies.lists(strategies.integers(0, 4), min_size=1, max_size=PIPELINED)
        return strategies.tuples(kinds, strategies.lists(strategies.integers(1, 4000), max_size=8))

    for_all(plans, attempt, rng=server.rng, examples=25)


def _request(server: Server, kind: int) -> tuple[str, bytes, bytes]:
    """Method, request and the body of its answer."""
    word = server.word(6)
    if kind == 0:
        return "GET", raw_request(f"/echo/{word}"), word.encode()
    if kind == 1:
        return "HEAD", raw_request("/", method="HEAD"), b""
    if kind == 2:
        return "GET", raw_request("/", "X-A: 1"), b"ok\n"
    body = server.data(server.rng.randint(0, 80)) if kind == 3 else raw_request(f"/echo/{word}") * 2
    return "POST", raw_request("/echo", method="POST", body=body), body


def test_empty_line(server: Server) -> None:
    """HS-23: an empty line before a request is forgiven."""
    why = "Some clients send a line end after a body; one is ignored (RFC 9112, 2.2)."
    with server.connect() as connection:
        connection.send(b"\r\n" + raw_request("/"))
        expect_body(connection.read(), b"ok\n", why)
        body = server.data(8)
        connection.send(raw_request("/echo", method="POST", body=body) + b"\r\n" + raw_request("/"))
        expect_body(connection.read(), body, why)
        expect_body(connection.read(), b"ok\n", why)
