"""Stage chunked: bodies whose length nobody knows in advance."""

from __future__ import annotations

from typing import Any

from vocabulary import CLOSE, Server, cut, expect_body, expect_not_poisoned, json_object, shown

from labrunner.checks import Reply, exceeded, fail, for_all, raw_request

CODED = "Transfer-Encoding: chunked"
BETWEEN = 0.010
BETWEEN_PIECES = 0.004
PIECE = 16384
"""Of a large chunk: sent at once, all of it may be there at the first read."""
SOON = 2.0
FOR_ALL_SECONDS = 30.0
"""For all of a stream: a busy machine is a little late at each of its chunks, without a stall that anybody sees."""
ONE_BY_ONE = "A client sees each chunk when it is made, not when all are."


def chunk(data: bytes, size: str = "", extension: str = "") -> bytes:
    """One chunk."""
    return f"{size or f'{len(data):x}'}{extension}\r\n".encode() + data + b"\r\n"


def chunked(*chunks: bytes, trailers: bytes = b"", last: str = "0") -> bytes:
    """``POST /echo`` with these chunks."""
    return raw_request("/echo", CODED, method="POST") + b"".join(chunks) + f"{last}\r\n".encode() + trailers + b"\r\n"


def lines(count: int) -> list[bytes]:
    """What ``GET /stream/{count}`` sends."""
    return [b"chunk %d\n" % index for index in range(1, count + 1)]


def test_stream(server: Server) -> None:
    """HS-8: /stream/{n} is n chunks."""
    for count in (1, server.rng.randint(11, 14)):
        with server.connect() as connection:
            reply = connection.send(raw_request(f"/stream/{count}")).read()
            _expect_chunks(reply, count)
            # The end of the last chunk is the beginning of the next answer.
            expect_body(connection.send(raw_request("/", CLOSE)).read(), b"ok\n", "The connection goes on after it.")


def _expect_chunks(reply: Reply, count: int) -> None:
    why = "n chunks, chunk 1 to chunk n, each line a chunk of its own."
    expect_body(reply, b"".join(lines(count)), why)
    if reply.body.framing != "chunked" or list(reply.body.chunks) != lines(count):
        got = f"{reply.body.framing}, {len(reply.body.chunks)} chunks"
        fail(reply, expected=f"the chunked coding, {count} chunks", got=got, why=why)


def test_stream_bounds(server: Server) -> None:
    """HS-8: n is a whole number from 1 to 1000."""
    for text in ("0", "1001", "-1", server.word(4) + "x"):
        server.ask(f"/stream/{text}").expect(400, why="n is a whole number from 1 to 1000.")


def test_stream_one_by_one(server: Server) -> None:
    """HS-8: chunks come as they are made."""
    count = 120
    with server.connect() as connection:
        reply = connection.send(raw_request(f"/stream/{count}")).read(deadline=FOR_ALL_SECONDS)
    expect_body(reply, b"".join(lines(count)), ONE_BY_ONE)
    if reply.answered - reply.sent < (count - 1) * BETWEEN / 2:
        got = f"all of it within {reply.answered - reply.sent:.2f} s"
        fail(reply, expected=f"{count} chunks, 10 ms or more apart", got=got, why=ONE_BY_ONE)
    late, deadline = reply.body_began - reply.sent, (count - 1) * BETWEEN
    if late > deadline:
        exceeded(
            reply,
            deadline=deadline,
            expected=f"the first chunk well before {deadline:.2f} s, when the last is due",
            got=f"the first after {late:.2f} s",
            why=ONE_BY_ONE,
        )


def test_stream_head(server: Server) -> None:
    """HS-13: HEAD of a stream has no chunk."""
    why = "HEAD has no body, not even an empty one in chunks."
    with server.connect() as connection:
        connection.send(raw_request("/stream/3", method="HEAD") + raw_request("/", CLOSE))
        connection.read("HEAD").expect(200, why=why)
        expect_body(connection.read(), b"ok\n", why)


def test_stream_http_1_0(server: Server) -> None:
    """HS-21: nothing chunked is sent to an HTTP/1.0 client."""
    why = "HTTP/1.0 knows no chunks: the body ends with the connection."
    for fields in ((), ("Connection: keep-alive",)):
        with server.connect() as connection:
            reply = connection.send(raw_request("/stream/4", *fields, version="HTTP/1.0")).read()
            if reply.body.framing == "chunked":
                fail(reply, expected="no Transfer-Encoding in an answer to HTTP/1.0", got="chunked", why=why)
            expect_body(reply, b"".join(lines(4)), why)


def test_chunked_body(server: Server) -> None:
    """HS-20: a chunked body is read."""
    parts = [server.data(length) for length in (1, 20, 300)]
    with server.connect() as connection:
        connection.send(chunked(*map(chunk, parts)))
        expect_body(connection.read(), b"".join(parts), "The body is the chunks' data, in order.")
        connection.send(chunked())
        expect_body(connection.read(), b"", "A last chunk alone is an empty body.")


def test_chunks_on_any_method(server: Server) -> None:
    """HS-18, HS-20: a chunked body that nobody wants never becomes the next request."""
    for method in ("GET", "HEAD", "DELETE", "BREW"):
        poison, real = server.word(), server.word()
        first = raw_request("/", CODED, method=method) + chunk(raw_request(f"/echo/{poison}")) + b"0\r\n\r\n"
        with server.connect() as connection:
            connection.send(first + raw_request(f"/echo/{real}", CLOSE))
            expect_not_poisoned(connection, method, poison, real)


def test_chunk_sizes(server: Server) -> None:
    """HS-17, HS-20: sizes in either case, with leading zeros; and large ones, that come in pieces, 1 MiB in all."""
    data = server.data(0xAB)
    why = "A chunk's size is hexadecimal, in either case, with any number of leading zeros."
    with server.connect() as connection:
        for size in ("ab", "AB", "aB", "00ab", "00000000000000000000ab"):
            connection.send(chunked(chunk(data, size), last="000"))
            expect_body(connection.read(), data, why)
        large = [server.data(65536)] * 16
        request = chunked(*map(chunk, large))
        connection.send(*cut(request, range(0, len(request), PIECE)), gap=BETWEEN_PIECES)
        whole = b"".join(large)
        expect_body(connection.read(), whole, "Bodies of up to 1,048,576 bytes are accepted, in chunks as well.")


def test_chunk_extensions(server: Server) -> None:
    """HS-20: extensions are ignored."""
    data = server.data(10)
    why = "What comes after a semicolon is an extension, and ignored (RFC 9112, 7.1.1)."
    with server.connect() as connection:
        for extension in (";a", ";a=b", ';a="b;c"', ";a=1;b=2"):
            connection.send(chunked(chunk(data, extension=extension), last=f"0{extension}"))
            expect_body(connection.read(), data, why)


def test_trailers(server: Server) -> None:
    """HS-20: trailers are read and dropped."""
    data, name = server.data(10), f"x-{server.word()}"
    why = "Trailers belong to the body that they end: not to the next request, nor to its fields."
    with server.connect() as connection:
        trailers = f"{name}: 1\r\nX-More: 2\r\n".encode()
        connection.send(chunked(chunk(data), trailers=trailers) + raw_request("/headers", CLOSE))
        expect_body(connection.read(), data, why)
        reply = connection.read().expect(200, why=why)
        if name in json_object(reply, why):
            fail(reply, expected=f"no field {name}", got=shown(reply.content), why=why)


def test_chunk_fragments(server: Server) -> None:
    """HS-20: a chunked body may be split anywhere."""
    why = "A read may end inside a chunk's size, inside its data, or between CR and LF."
    parts = [server.data(length) for length in (3, 17, 40)]
    request = chunked(*(chunk(part) for part in parts), trailers=b"X-T: 1\r\n") + raw_request("/", CLOSE)

    def attempt(places: list[int]) -> None:
        with server.connect() as connection:
            connection.send(*cut(request, places), gap=BETWEEN_PIECES)
            expect_body(connection.read(deadline=SOON), b"".join(parts), why)
            expect_body(connection.read(deadline=SOON), b"ok\n", why)

    def plans() -> Any:
        from hypothesis import strategies  # noqa: PLC0415 - loaded by the checks that use it

        return strategies.lists(strategies.integers(1, len(request) - 1), max_size=10, unique=True)

    head = request.index(b"\r\n\r\n") + 4
    attempt([head, head + 1, head + 2])
    for_all(plans, attempt, rng=server.rng, examples=25)
