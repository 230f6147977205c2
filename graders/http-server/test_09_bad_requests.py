"""Stage bad-requests: refuse what is malformed, and never take a part of it for the next request."""

from __future__ import annotations

from collections.abc import Iterable

import bad_requests
import known_servers
from bad_requests import POISON, Case, get, post
from vocabulary import Server, expect_body, shown

from labrunner.checks import Connection, Reply, fail

CLOSED_WITHIN = 4.0
"""Seconds from a refusal to the end of the connection; a deadline."""
MEBIBYTE = 1024 * 1024


def refuse_all(server: Server, cases: Iterable[Case]) -> None:
    """Each case by itself, and after all of them (HS-37) somebody else is still served."""
    for case in cases:
        with server.connect() as connection:
            # At once, so that no moment of the client's lets a server see the end of one before the other.
            connection.send(case.data + POISON)
            _judge(connection, case)
    expect_body(server.ask("/"), b"ok\n", "After a bad request the server still serves others.")


def _judge(connection: Connection, case: Case) -> None:
    why = f"{case.name} ({_section(case)})."
    reply = connection.read()
    if case.served is not None and reply.status == 200:
        if reply.content != case.served:
            fail(reply, expected=shown(case.served), got=shown(reply.content), why=why)
        # What must be served ends no connection; after what may be refused, closing is right as well.
        following = connection.read_or_end() if case.refused else connection.read()
        if following is not None and following.content != b"poison":
            got = f"{following.line} with {shown(following.content)}"
            fail(following, expected="the answer to the request after it", got=got, why=why)
        return
    refused = (*case.refused, *([200] if case.served is not None else []))
    reply.expect(*refused, why=why)
    expect_closed(connection, reply, f"{why} What comes after it cannot be trusted: it is no request.")


def expect_closed(connection: Connection, reply: Reply, why: str) -> None:
    """The refusal is the last that is sent."""
    connection.end(within=CLOSED_WITHIN, why=why)
    if not reply.says_close:
        fail(
            reply, expected="Connection: close in a refusal", got="none", why="Whoever closes after an answer says so."
        )


def _section(case: Case) -> str:
    return f"RFC {case.section}" if "," in case.section else f"RFC 9112, {case.section}"


def test_request_lines(server: Server) -> None:
    """HS-33: a malformed request line is refused. Whose words it is refused in is for a person to see."""
    known_servers.look(server)
    refuse_all(server, bad_requests.REQUEST_LINES)


def test_versions(server: Server) -> None:
    """HS-36: another major version is refused, another minor one is not."""
    refuse_all(server, bad_requests.VERSIONS)


def test_hosts(server: Server) -> None:
    """HS-33: one Host, exactly."""
    refuse_all(server, bad_requests.HOSTS)


def test_fields(server: Server) -> None:
    """HS-33: malformed fields are refused."""
    refuse_all(server, bad_requests.FIELDS)


def test_lengths(server: Server) -> None:
    """HS-33: a length is digits, and one length."""
    refuse_all(server, bad_requests.LENGTHS)


def test_codings(server: Server) -> None:
    """HS-33, HS-34: nobody can be in doubt where a body ends."""
    refuse_all(server, bad_requests.CODINGS)


def test_chunks(server: Server) -> None:
    """HS-33: a broken chunk is refused."""
    refuse_all(server, bad_requests.CHUNKS)


def test_long_target(server: Server) -> None:
    """HS-35: a target above 8,192 bytes is 414."""
    refuse_all(server, [Case("a target of 8,193 bytes", "3", get(start=f"GET /{'a' * 8192} HTTP/1.1"), (414,))])


def test_large_fields(server: Server) -> None:
    """HS-35: fields above 32 KiB are 431."""
    one = get(f"X-A: {'a' * 33_000}")
    many = get(*(f"X-{number:04}: {'a' * 100}" for number in range(320)))
    refuse_all(server, [Case("one field of 33,000 bytes", "6585, 5", one, (431,)),
                        Case("320 fields, 35 KiB in all", "6585, 5", many, (431,))])  # fmt: skip


def test_large_bodies(server: Server) -> None:
    """HS-35: a body above 1 MiB is 413, by its length before it is read, and before any 100."""
    for case in bad_requests.TOO_LARGE:
        with server.connect() as connection:
            # Who waits for a 100 sends nothing meanwhile.
            reply = connection.send(case.data if b"Expect:" in case.data else case.data + POISON).read()
            why = f"{case.name} ({_section(case)})."
            reply.expect(*case.refused, why=why)
            if reply.interim:
                fail(reply, expected="413 before any 100 Continue", got="100 Continue first", why=why)
            expect_closed(connection, reply, why)
    why = "Chunks that exceed 1 MiB in all are refused when they do."
    with server.connect() as connection:
        connection.send(post(bad_requests.CHUNKED), *[b"10000\r\n" + b"a" * 65536 + b"\r\n"] * 17)
        reply = connection.read().expect(413, why=why)
        expect_closed(connection, reply, why)


def test_answer_arrives(server: Server) -> None:
    """HS-33: the answer to a bad request arrives, although more was sent than was read."""
    why = "Unread bytes at the close make a reset, which overtakes the answer: stop sending, and read on for a second."
    for _ in range(3):
        with server.connect() as connection:
            connection.send(get("X-A : 1") + server.data(200_000))
            reply = connection.read().expect(400, why=why)
            expect_closed(connection, reply, why)
