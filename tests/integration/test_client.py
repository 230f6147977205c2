"""The recorded client against servers that speak broken, hostile or endless HTTP (ATTACKS, B)."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import struct
import threading
import time
import zlib
from typing import TYPE_CHECKING

import pytest

from labrunner.checks import Answer, Broken, Client, Exceeded, Failed, fail
from labrunner.checks.diary import DIARY
from labrunner.checks.wire_transport import BYTES
from labrunner.model.status import Reason
from labrunner.rules import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Behaviour = Callable[[socket.socket], None]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
DEADLINE = 0.4
"""Seconds given to what never ends."""


class Server:
    """Answers each connection's requests with a behaviour; remembers what came."""

    def __init__(self, behave: Behaviour) -> None:
        self._behave = behave
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.requests: list[bytes] = []
        self.connections = 0
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            while data := client.recv(1 << 20):
                self.requests.append(data)
                self._behave(client)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def serve() -> Iterator[Callable[[bytes | Behaviour], Server]]:
    """Starts servers that send these bytes for each request, or do what a function does."""
    servers: list[Server] = []

    def start(behaviour: bytes | Behaviour) -> Server:
        if isinstance(behaviour, bytes):
            data = behaviour

            def behave(client: socket.socket) -> None:
                client.sendall(data)
                if b"Connection: close" in data or not data.startswith(b"HTTP/1.1 200"):
                    client.shutdown(socket.SHUT_RDWR)

            servers.append(Server(behave))
        else:
            servers.append(Server(behaviour))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def _close(data: bytes) -> Behaviour:
    """Send, then close."""

    def behave(client: socket.socket) -> None:
        client.sendall(data)
        client.shutdown(socket.SHUT_RDWR)

    return behave


def _get(server: Server, deadline: float = 30.0) -> Answer:
    client = Client(server.url)
    try:
        return client.get("/x", deadline=deadline)
    finally:
        client.close()


# -- what is no HTTP ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\x01\x02\xff\xfe",
        b"hello, I speak HTTP/0.9\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\x00c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 5000 + b"\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * 1_000_000,
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 60_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 10,
        b"HTTP/1.1 " + b"2" * 200_000,
    ],
    ids=["close", "bytes", "http0.9", "ssh", "status-word", "status-short", "nul", "no-colon", "two-lengths",
         "negative", "no-number", "giant-number", "too-short", "bad-chunk", "cut-chunk", "giant-chunk", "odd-transfer",
         "giant-header", "many-headers", "only-1xx", "giant-line"],
)  # fmt: skip
def test_what_is_no_complete_http_answer_is_a_protocol_error(serve: Callable[..., Server], data: bytes) -> None:
    """B1 to B3, B7: the solution's own fault, said with what came; never an error of the grader."""
    with pytest.raises(Broken) as caught:
        _get(serve(_close(data)))
    assert caught.value.reason is Reason.PROTOCOL_ERROR
    assert caught.value.failure.got
    assert caught.value.failure.exchanges[0].target == "/x"
    assert caught.value.failure.exchanges[0].problem == caught.value.failure.got


def test_a_reset_is_a_protocol_error(serve: Callable[..., Server]) -> None:
    """B18: also in the middle of a large request."""

    def reset(client: socket.socket) -> None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()

    client = Client(serve(reset).url)
    for body in (b"", b"x" * 3_000_000):
        with pytest.raises(Broken):
            client.post("/x", body=body, deadline=30)
    client.close()


def test_nobody_there_is_a_protocol_error() -> None:
    """A refused connection: the runner finds out whether the service died."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    client = Client(url)
    with pytest.raises(Broken):
        client.get("/")
    client.close()


# -- what never ends ----------------------------------------------------------------------------------------------


def _endless(first: bytes, again: bytes, pause: float) -> Behaviour:
    def behave(client: socket.socket) -> None:
        client.sendall(first)
        while True:
            client.sendall(again)
            time.sleep(pause)

    return behave


@pytest.mark.parametrize(
    "first, again",
    [
        (b"", b""),
        (b"HTTP/1.1 200 OK\r\n", b"A"),
        (b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
        (b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
    ],
    ids=["silence", "header-drip", "headers-drip", "body-drip", "chunk-drip", "no-length", "1xx-drip"],
)
def test_the_deadline_is_for_the_whole_exchange(serve: Callable[..., Server], first: bytes, again: bytes) -> None:
    """B10, B13: a byte now and then does not renew it; a deadline that passed is a try, not yet a failure."""
    with pytest.raises(Exceeded) as caught:
        _get(serve(_endless(first, again, 0.02)), deadline=DEADLINE)
    assert caught.value.deadline == DEADLINE
    assert caught.value.reason is Reason.TIMEOUT
    assert caught.value.failure.exchanges[0].status is None


@pytest.mark.parametrize(
    "first, again",
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"ffff\r\n" + b"x" * 0xFFFF + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 0xFFFF),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", b"x" * 0xFFFF),
        (b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 2000),
    ],
    ids=["chunked", "no-length", "length", "1xx-flood"],
)
def test_a_flood_is_cut_off(serve: Callable[..., Server], first: bytes, again: bytes) -> None:
    """B9, B13: at a fixed number of bytes, whatever the deadline."""
    with pytest.raises(Failed) as caught:
        _get(serve(_endless(first, again, 0.0)), deadline=600)
    assert caught.value.reason is Reason.TOO_LARGE


def test_a_late_answer_does_not_spoil_the_next_exchange(serve: Callable[..., Server]) -> None:
    """After a deadline the connection is not used again: nobody gets another request's answer."""
    slow, late = threading.Event(), threading.Event()

    def behave(client: socket.socket) -> None:
        if not slow.is_set():
            slow.set()
            late.wait(60)
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstale")
        else:
            client.sendall(OK)

    client = Client(serve(behave).url)
    with pytest.raises(Exceeded):
        client.get("/slow", deadline=DEADLINE)
    late.set()
    assert client.get("/next", deadline=30).body == b"ok"
    client.close()


# -- bodies -------------------------------------------------------------------------------------------------------


def _encoded(coding: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n%b" % (coding, len(body), body)


@pytest.mark.parametrize(
    "coding, body, plain",
    [
        (b"identity", b"plain", b"plain"),
        (b"gzip", gzip.compress(b"packed"), b"packed"),
        (b"GZIP", gzip.compress(b"packed"), b"packed"),
        (b"deflate", zlib.compress(b"packed"), b"packed"),
        (b"gzip", b"", b""),
        (b"br", b"raw", b"raw"),
    ],
)
def test_codings_are_undone(serve: Callable[..., Server], coding: bytes, body: bytes, plain: bytes) -> None:
    """Though the client asks for none; an unknown one is left as it is."""
    assert _get(serve(_encoded(coding, body))).body == plain


@pytest.mark.parametrize(
    "body", [b"no gzip", gzip.compress(b"x" * 1000)[:-12], gzip.compress(b"x")[:-4] + b"0000"],
    ids=["garbage", "cut", "checksum"],
)  # fmt: skip
def test_a_broken_coding_is_a_protocol_error(serve: Callable[..., Server], body: bytes) -> None:
    """B12."""
    with pytest.raises(Failed) as caught:
        _get(serve(_encoded(b"gzip", body)))
    assert caught.value.reason is Reason.PROTOCOL_ERROR


@pytest.mark.parametrize("size", [BYTES + 1, 300 << 20], ids=["just", "bomb"])
def test_a_compressed_bomb_is_cut_off(serve: Callable[..., Server], size: int) -> None:
    """B11: by what it unpacks to; unpacking stops there."""
    packer = zlib.compressobj(wbits=31)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20))
    packed += packer.compress(bytes(size % (1 << 20))) + packer.flush()
    with pytest.raises(Failed) as caught:
        _get(serve(_encoded(b"gzip", packed)))
    assert caught.value.reason is Reason.TOO_LARGE


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"nope", b"\xff", b"[" * 100_000, b"1" * 10_000, b"NaN", b"[Infinity]", b'{"a": 1} x'],
    ids=["empty", "cut", "word", "bytes", "deep", "huge", "nan", "infinity", "trailing"],
)
def test_what_is_no_json_fails_the_check(serve: Callable[..., Server], body: bytes) -> None:
    """B16: never an error of the grader."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=bogus\r\nContent-Length: %d\r\n\r\n"
    answer = _get(serve(head % len(body) + body))
    with pytest.raises(Failed) as caught:
        answer.json("because")
    assert caught.value.reason is Reason.MISMATCH
    wire.encode(caught.value.failure)


def test_a_lone_surrogate_does_not_save_a_solution(serve: Callable[..., Server]) -> None:
    """B16, C14: JSON can name it and UTF-8 cannot; the failure is stored all the same."""
    body = rb'{"greeting": "\ud800"}'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    answer = _get(serve(head + body))
    with pytest.raises(Failed) as caught:
        fail(answer, expected="hello", got=answer.json("because")["greeting"], why="because")
    assert json.loads(wire.encode(caught.value.failure))["got"] == r"\ud800"


@pytest.mark.parametrize("kind", [b"", b"Content-Type: text/html\r\n"])
def test_json_must_say_that_it_is(serve: Callable[..., Server], kind: bytes) -> None:
    """C-8."""
    answer = _get(serve(b"HTTP/1.1 200 OK\r\n%bContent-Length: 2\r\n\r\n{}" % kind))
    with pytest.raises(Failed, match="application/json"):
        answer.json("because")


# -- what is accepted, and told -----------------------------------------------------------------------------------


def test_an_odd_status_is_an_answer_like_any_other(serve: Callable[..., Server]) -> None:
    """B6: it fails the check's own expectation."""
    answer = _get(serve(b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
    assert answer.line == "999"
    with pytest.raises(Failed, match="expected 200 OK, got 999"):
        answer.expect(200, why="because")


def test_headers_in_any_bytes_are_recorded(serve: Callable[..., Server]) -> None:
    """Latin-1, as they came; repeated ones each."""
    answer = _get(serve(b"HTTP/1.1 200 OK\r\nA: \xff\r\na: 2\r\nContent-Length: 0\r\n\r\n"))
    assert answer.headers.get_all("A") == ["ÿ", "2"]
    assert answer.headers.get("a") == "ÿ, 2"
    assert "a" in answer.headers
    assert answer.headers.get("B") is None
    assert answer.exchange.response_headers[0] == ("A", "ÿ")
    wire.encode(answer.exchange)


def test_an_exchange_is_recorded_between_its_two_moments(serve: Callable[..., Server]) -> None:
    """C-18: all that a check may reason with."""
    server = serve(OK)
    before = time.monotonic()
    client = Client(server.url, name="mine")
    answer = client.request("PUT", "/a?b=%20", headers={"X-A": "1"}, body=b"\xffbody", deadline=30)
    client.close()
    assert before <= answer.sent <= answer.answered <= time.monotonic()
    exchange = answer.exchange
    assert (exchange.method, exchange.target, exchange.service) == ("PUT", "/a?b=%20", "mine")
    assert exchange.request_headers == (("X-A", "1"),)
    assert exchange.request_body == "\\xffbody"
    assert (exchange.status, exchange.response_body) == (200, "ok")


@pytest.mark.parametrize("target", ["/a/../b", "/a//b?x=[1]&y={z}", "/%7E%zz", "*"])
def test_the_target_is_sent_as_it_is(serve: Callable[..., Server], target: str) -> None:
    """Not tidied, not escaped."""
    server = serve(OK)
    client = Client(server.url)
    client.get(target, deadline=30)
    client.close()
    assert server.requests[0].split(b" ")[1] == target.encode("latin-1")


def test_redirects_are_not_followed(serve: Callable[..., Server]) -> None:
    """B15: a canary on loopback hears nothing."""
    canary = serve(OK)
    answer = _get(serve(b"HTTP/1.1 302 Found\r\nLocation: %b/\r\nContent-Length: 0\r\n\r\n" % canary.url.encode()))
    assert answer.status == 302
    assert canary.connections == 0


@pytest.mark.parametrize(
    "location", [b"http://[::1", b"foo:bar", b"\xff\xff", b"http://x:999999/", b"file:///etc/passwd"]
)
def test_a_senseless_location_is_an_answer_like_any_other(serve: Callable[..., Server], location: bytes) -> None:
    """B15, C14: nobody gets out of a verdict by it."""
    answer = _get(serve(b"HTTP/1.1 302 Found\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % location))
    assert answer.status == 302


def test_no_cookie_is_sent_that_the_check_did_not_set(serve: Callable[..., Server]) -> None:
    """B8: not even 300 of them."""
    cookies = b"".join(b"Set-Cookie: c%d=v; Path=/\r\n" % number for number in range(300))
    server = serve(b"HTTP/1.1 200 OK\r\n%bContent-Length: 0\r\n\r\n" % cookies)
    client = Client(server.url)
    for _ in range(3):
        client.get("/", deadline=30)
    client.close()
    assert not any(b"cookie" in request.lower() for request in server.requests)


def test_proxies_of_the_machine_are_ignored(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    """B20: in capitals or not."""
    proxy, server = serve(OK), serve(OK)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert _get(server).status == 200
    assert proxy.connections == 0


def test_one_connection_serves_many_exchanges_and_is_not_trusted_when_stale(serve: Callable[..., Server]) -> None:
    """Keep-alive as C-1 says; after half a second a new one, since a correct server may close at any moment."""
    server = serve(OK)
    client = Client(server.url)
    for _ in range(5):
        client.get("/", deadline=30)
    first = server.connections
    time.sleep(0.6)
    client.get("/", deadline=30)
    client.close()
    assert first < 5
    assert server.connections == first + 1


def test_every_exchange_counts_as_evidence(serve: Callable[..., Server]) -> None:
    """Also one that failed."""
    before = DIARY.exchanges
    _get(serve(OK))
    with pytest.raises(Broken):
        _get(serve(_close(b"")))
    assert DIARY.exchanges == before + 2


@pytest.mark.parametrize("headers", [{"Bad Name": "x"}, {"A": "b\r\nC: d"}])
def test_what_the_check_may_not_send_is_the_graders_mistake(
    serve: Callable[..., Server], headers: dict[str, str]
) -> None:
    """Neither Broken nor Failed: nobody is blamed for it."""
    client = Client(serve(OK).url)
    for target in ("/", "/é", "/a b"):
        with pytest.raises(Exception, match=r"(?i)illegal") as caught:
            client.get(target, headers={} if target != "/" else headers)
        assert not isinstance(caught.value, Broken | Failed | Exceeded)
    client.close()
