"""Stage bodies: what comes after the fields."""

from __future__ import annotations

from typing import Any

from vocabulary import CLOSE, Server, cut, expect_body, expect_field, expect_not_poisoned

from labrunner.checks import fail, for_all, raw_request

ECHO = "POST /echo gives the body back, byte by byte."
MEBIBYTE = 1024 * 1024
BETWEEN_PIECES = 0.004
SOON = 2.0
"""Seconds that the answer to a small request may take; a deadline."""


def post(server: Server, body: bytes | None, *fields: str) -> Any:
    """``POST /echo``."""
    return server.ask("/echo", *fields, method="POST", body=body)


def test_echo_body(server: Server) -> None:
    """HS-6: the body comes back."""
    text = server.word(40).encode()
    expect_body(post(server, text, "Content-Type: text/plain"), text, ECHO)


def test_content_type(server: Server) -> None:
    """HS-6: so does its Content-Type, and without one it is a stream of bytes."""
    why = "What the body is only its sender knows; without a word it is application/octet-stream."
    kind = f'text/x-{server.word(5)}; charset="utf-8"'
    expect_field(post(server, b"x", f"Content-Type: {kind}"), "Content-Type", kind, why)
    expect_field(post(server, b"x"), "Content-Type", "application/octet-stream", why)


def test_binary(server: Server) -> None:
    """HS-18: bodies are bytes."""
    every = bytes(range(256))
    tricky = b"\r\n\r\n" + raw_request("/echo/x") + b"\0\r\n0\r\n\r\n"
    for body in (every, tricky, server.data(2000)):
        expect_body(post(server, body), body, "A body may have any byte, line ends and requests included.")


def test_empty_body(server: Server) -> None:
    """HS-18: a body may be empty, and without a length there is none."""
    why = "Neither Content-Length nor Transfer-Encoding: no body, so the answer waits for nothing."
    expect_body(post(server, b""), b"", why)
    with server.connect() as connection:
        connection.send(raw_request("/echo", CLOSE, method="POST"))
        expect_body(connection.read(deadline=SOON), b"", why)


def test_large_body(server: Server) -> None:
    """HS-17: a body of 1 MiB is read, and comes back."""
    body = server.data(MEBIBYTE)
    expect_body(post(server, body), body, "Bodies of up to 1,048,576 bytes are accepted.")


def test_fragments(server: Server) -> None:
    """HS-18: a request arrives in any pieces."""
    body = server.word(20).encode() + b"\r\n" + server.data(30)
    request = raw_request("/echo", "X-A: 1", CLOSE, method="POST", body=body)

    def attempt(places: list[int]) -> None:
        with server.connect() as connection:
            connection.send(*cut(request, places), gap=BETWEEN_PIECES)
            expect_body(
                connection.read(deadline=SOON), body, "TCP is a stream: a read may return any part of a request."
            )

    def plans() -> Any:
        from hypothesis import strategies  # noqa: PLC0415 - loaded by the checks that use it

        return strategies.lists(strategies.integers(1, len(request) - 1), max_size=12, unique=True)

    attempt([len(request) - len(body)])
    attempt([10, len(request) - 5])
    attempt(list(range(1, len(request))))  # no line comes in two reads, however late the machine reads
    for_all(plans, attempt, rng=server.rng, examples=25)


def test_expect_continue(server: Server) -> None:
    """HS-19: a client that waits to be asked for its body is asked."""
    why = "The client waits for 100 Continue, and the server for the body: one has to speak first."
    body = server.word(30).encode()
    with server.connect() as connection:
        request = raw_request("/echo", "Expect: 100-continue", CLOSE, method="POST", body=body)
        connection.send(request[: -len(body)])
        if connection.read_interim(deadline=SOON) != 100:
            refusal = connection.read()  # a final answer is as good, but not one to a body that has not come
            if refusal.status < 400:
                fail(refusal, expected="100 Continue, or a refusal", got=refusal.line, why=why)
            return
        connection.send(body)
        reply = connection.read()
        expect_body(reply, body, why)
        if [head.status for head in reply.interim] != [100]:
            fail(reply, expected="one 100 Continue", got=str([head.status for head in reply.interim]), why=why)


def test_body_on_any_method(server: Server) -> None:
    """HS-18: a body that nobody wants never becomes the next request."""
    nowhere = f"/{server.word()}"
    for method, path in (("GET", "/"), ("HEAD", "/"), ("DELETE", "/"), ("BREW", "/"), ("POST", nowhere)):
        poison, real = server.word(), server.word()
        hidden = raw_request(f"/echo/{poison}")
        with server.connect() as connection:
            connection.send(raw_request(path, method=method, body=hidden) + raw_request(f"/echo/{real}", CLOSE))
            expect_not_poisoned(connection, method, poison, real)
