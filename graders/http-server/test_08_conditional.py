"""Stage conditional: answers that spare the wire."""

from __future__ import annotations

import datetime as dt
import zlib

from vocabulary import CLOSE, Server, expect_body, expect_field, expect_not_poisoned, field, shown, tag_of

from labrunner.checks import Reply, fail, raw_request

FIXDATE = "%a, %d %b %Y %H:%M:%S GMT"
OTHER = '"no-such-tag"'


def new_file(server: Server, length: int = 300) -> tuple[str, bytes, Reply]:
    """A file, its bytes, and a plain answer with it."""
    name, body = server.word(), server.data(length)
    server.put(name, body)
    return name, body, expect_body(server.file(name), body, "A file is the bytes that were put.")


def test_if_none_match(server: Server) -> None:
    """HS-30: a client that has this state is spared it."""
    name, _, plain = new_file(server)
    tag = field(plain, "ETag", "A file has one.")
    why = "The client has this very state: 304, without a body."
    for value in (tag, f"{OTHER}, {tag}", f"W/{tag}", "*", f'"a,b",{tag}'):
        for method in ("GET", "HEAD"):
            reply = server.file(name, f"If-None-Match: {value}", method=method).expect(304, why=why)
            expect_field(reply, "ETag", tag, "A 304 tells the ETag that the client may go on using.")
    for value in (OTHER, f"W/{OTHER}", f'"x{tag[1:]}'):
        server.file(name, f"If-None-Match: {value}").expect(200, why="It has another state.")


def test_if_modified_since(server: Server) -> None:
    """HS-30: without tags, dates are compared."""
    name, _, plain = new_file(server)
    modified = field(plain, "Last-Modified", "A file has one.")
    earlier = (dt.datetime.strptime(modified, FIXDATE).replace(tzinfo=dt.UTC) - dt.timedelta(days=1)).strftime(FIXDATE)
    tag = field(plain, "ETag", "A file has one.")
    server.file(name, f"If-Modified-Since: {modified}").expect(304, why="It has not changed since.")
    server.file(name, f"If-Modified-Since: {earlier}").expect(200, why="It has changed since.")
    for value in ("yesterday", "2099"):
        server.file(name, f"If-Modified-Since: {value}").expect(200, why="What is no date is ignored.")
    why = "With If-None-Match there, If-Modified-Since is ignored (RFC 9110, 13.2.2)."
    server.file(name, f"If-None-Match: {OTHER}", f"If-Modified-Since: {modified}").expect(200, why=why)
    server.file(name, f"If-None-Match: {tag}", f"If-Modified-Since: {earlier}").expect(304, why=why)


def test_if_match(server: Server) -> None:
    """HS-30: a PUT that begins with an older state is refused."""
    name, body, plain = new_file(server)
    tag = field(plain, "ETag", "A file has one.")
    why = "If-Match keeps an editor from overwriting what it has not seen."
    for value in (OTHER, f"W/{tag}", f'"x{tag[1:]}'):
        server.ask(f"/files/{name}", f"If-Match: {value}", method="PUT", body=b"z").expect(412, why=why)
        expect_body(server.file(name), body, "A refused PUT changes nothing.")
    server.ask(f"/files/{server.word()}", "If-Match: *", method="PUT", body=b"z").expect(
        412, why="There is no such file."
    )
    for value in (tag, "*"):
        server.ask(f"/files/{name}", f"If-Match: {value}", method="PUT", body=body).expect(
            204, why="It is the state meant."
        )
        tag = field(server.file(name), "ETag", "A file has one.")
    _expect_read(server, name)
    listed = server.ask(f"/files/{name}", f"If-Match: {OTHER}, {tag}", method="PUT", body=b"new")
    listed.expect(204, why="One of the tags in the list is the state's.")
    expect_body(server.file(name), b"new", "An admitted PUT replaces.")


def _expect_read(server: Server, name: str) -> None:
    """HS-18: the body of a PUT that is refused is read, or the connection closes."""
    poison, real = server.word(), server.word()
    hidden = raw_request(f"/echo/{poison}")
    refused = raw_request(f"/files/{name}", f"If-Match: {OTHER}", method="PUT", body=hidden)
    with server.connect() as connection:
        connection.send(refused + raw_request(f"/echo/{real}", CLOSE))
        if (reply := expect_not_poisoned(connection, "PUT", poison, real)) is not None:
            reply.expect(412, why="If-Match keeps an editor from overwriting what it has not seen.")


def test_create_only(server: Server) -> None:
    """HS-30: If-None-Match: * creates, and never replaces."""
    name = server.word()
    why = "A client that wants to create must not destroy what somebody else has created meanwhile."
    server.ask(f"/files/{name}", "If-None-Match: *", method="PUT", body=b"first").expect(201, why=why)
    server.ask(f"/files/{name}", "If-None-Match: *", method="PUT", body=b"second").expect(412, why=why)
    expect_body(server.file(name), b"first", why)


def expect_part(reply: Reply, body: bytes, first: int, last: int) -> None:
    """206 with exactly these bytes of `body`."""
    why = "Both ends of a range count, from 0; the last one may lie beyond the end, and is clipped."
    reply.expect(206, why=why)
    expect_field(reply, "Content-Range", f"bytes {first}-{last}/{len(body)}", why)
    if reply.content != body[first : last + 1]:
        fail(reply, expected=shown(body[first : last + 1]), got=shown(reply.content), why=why)


def test_range(server: Server) -> None:
    """HS-31: one range is one part."""
    length = server.rng.randint(200, 400)
    name, body, _ = new_file(server, length)
    low = server.rng.randint(5, 90)
    cases = {f"{low}-{low + 9}": (low, low + 9), "0-0": (0, 0), f"{low}-": (low, length - 1), "-7": (length - 7, length - 1),
             f"{low}-{length + 500}": (low, length - 1), f"-{length + 5}": (0, length - 1), f"{length - 1}-": (length - 1,) * 2}  # fmt: skip
    for asked, (first, last) in cases.items():
        expect_part(server.file(name, f"Range: bytes={asked}"), body, first, last)


def test_range_unsatisfiable(server: Server) -> None:
    """HS-31: a range that begins beyond the end is refused with the length."""
    name, body, _ = new_file(server)
    for asked in (f"{len(body)}-", f"{len(body) + 7}-{len(body) + 9}", "-0"):
        why = "416 tells how long it is, so that the client can ask again."
        reply = server.file(name, f"Range: bytes={asked}").expect(416, why=why)
        expect_field(reply, "Content-Range", f"bytes */{len(body)}", why)


def test_range_ignored(server: Server) -> None:
    """HS-31: what is no single range of bytes is ignored."""
    name, body, _ = new_file(server)
    for value in (
        "lines=1-2",
        "bytes=0-1,5-6",
        "bytes=5-2",
        f"bytes={len(body) + 9}-2",
        "bytes=a-b",
        "bytes=-",
        "bytes 1-2",
        "bytes=1",
    ):
        expect_body(server.file(name, f"Range: {value}"), body, f"Range: {value} is ignored: the whole file, 200.")


def test_if_range(server: Server) -> None:
    """HS-31: a part only of the state that the client has."""
    name, body, plain = new_file(server)
    tag = field(plain, "ETag", "A file has one.")
    expect_part(server.file(name, "Range: bytes=3-8", f"If-Range: {tag}"), body, 3, 8)
    why = "Parts of two states make no file: with another tag, the whole is sent."
    expect_body(server.file(name, "Range: bytes=3-8", f"If-Range: {OTHER}"), body, why)


def compressible(server: Server, length: int) -> tuple[str, bytes]:
    """A new file that gzip makes smaller."""
    name = server.word()
    body = (server.word(64).encode() * (length // 64 + 1))[:length]
    server.put(name, body)
    return name, body


def expect_gzip(reply: Reply, body: bytes, why: str) -> None:
    """200 with the body in gzip."""
    reply.expect(200, why=why)
    expect_field(reply, "Content-Encoding", "gzip", why)
    try:
        plain = zlib.decompress(reply.content, zlib.MAX_WBITS | 16)
    except zlib.error as fault:
        fail(reply, expected="a body in gzip", got=f"{shown(reply.content)} ({fault})", why=why)
    if plain != body:
        fail(reply, expected=f"in gzip {shown(body)}", got=f"in gzip {shown(plain)}", why=why)


def test_gzip(server: Server) -> None:
    """HS-32: a client that takes gzip gets it, under another ETag."""
    for length in (1024, 5000):
        name, body = compressible(server, length)
        plain = expect_body(server.file(name), body, "Without Accept-Encoding it is plain.")
        for value in ("gzip", "*", "deflate, gzip;q=0.5", "GZIP", "br;q=1.0, *;q=0.1", "gzip;q=1.000"):
            reply = server.file(name, f"Accept-Encoding: {value}")
            expect_gzip(reply, body, f"Accept-Encoding: {value} takes gzip.")
            if tag_of(reply) == tag_of(plain):
                why = "Other bytes, another ETag: a range of one is no range of the other."
                fail(
                    plain, reply, expected="another ETag than the plain one", got=f"ETag: {reply.get('ETag')}", why=why
                )


def test_gzip_refused(server: Server) -> None:
    """HS-32: a client that does not take gzip is not given it."""
    name, body = compressible(server, 3000)
    for value in ("gzip;q=0", "identity", "gzip;q=0, *", "deflate", "gzip;q=0.000, deflate"):
        reply = expect_body(
            server.file(name, f"Accept-Encoding: {value}"), body, f"Accept-Encoding: {value} has no gzip."
        )
        if reply.get("Content-Encoding"):
            fail(reply, expected="no Content-Encoding", got=str(reply.get("Content-Encoding")), why="It is plain.")


def test_gzip_tags(server: Server) -> None:
    """HS-30, HS-32: the tag of what would be sent is known."""
    name, body = compressible(server, 3000)
    gzip = field(server.file(name, "Accept-Encoding: gzip"), "ETag", "A file has one.")
    plain = field(server.file(name), "ETag", "A file has one.")
    why = "The client has what would be sent."
    reply = server.file(name, "Accept-Encoding: gzip", f"If-None-Match: {gzip}").expect(304, why=why)
    expect_field(reply, "ETag", gzip, "The tag of what would have been sent.")
    reply = server.file(name, f"If-None-Match: {plain}").expect(304, why=why)
    expect_field(reply, "ETag", plain, "The tag of what would have been sent.")
    server.put(name, body[::-1])
    server.file(name, "Accept-Encoding: gzip", f"If-None-Match: {gzip}").expect(200, why="It has changed since.")


def test_vary(server: Server) -> None:
    """HS-32: caches learn what the answer depends on."""
    name, _ = compressible(server, 3000)
    tag = field(server.file(name), "ETag", "A file has one.")
    for fields in ((), ("Accept-Encoding: gzip",), ("Range: bytes=0-5",), (f"If-None-Match: {tag}",)):
        reply = server.file(name, *fields).expect(200, 206, 304, why="The file is there.")
        if "accept-encoding" not in reply.tokens("Vary"):
            why = "Without Vary a cache gives gzip to a client that cannot read it."
            fail(reply, expected="Vary: Accept-Encoding", got=f"Vary: {reply.get('Vary')}", why=why)
