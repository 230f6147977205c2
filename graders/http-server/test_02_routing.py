"""Stage routing: paths, targets and methods."""

from __future__ import annotations

from vocabulary import CLOSE, Server, expect_allow, expect_body, expect_echo, expect_type, shown

from labrunner.checks import GRANULARITY, Reply, fail, raw_request

AFTER_THE_ANSWER = 0.1
DECODED = "Percent-encoding is undone once, and nothing else is changed."


def test_echo(server: Server) -> None:
    """HS-4: /echo/{text} gives the text back."""
    why = "The text after /echo/ is the body, whatever it is."
    for text in (server.word(), "", f"{server.word()}/{server.word()}"):
        expect_type(expect_echo(server.ask(f"/echo/{text}"), text, why), "text/plain", why)


def test_percent_decoding(server: Server) -> None:
    """HS-4, HS-14: decoded once, byte by byte; a plus sign stays."""
    word = server.word()
    texts = {
        f"{word}%20x": f"{word} x".encode(),
        "%41%62%7a": b"Abz",
        "a+b": b"a+b",
        "%2541": b"%41",
        "%c3%a9%E2%82%AC": "é€".encode(),
        "a%2Fb": b"a/b",
        "100%25": b"100%",
    }
    for encoded, plain in texts.items():
        expect_body(server.ask(f"/echo/{encoded}"), plain, DECODED)


def test_bad_percent(server: Server) -> None:
    """HS-14: a percent sign without two hex digits is refused."""
    for text in ("%", "%4", "%zz", "a%4gb", "%%41"):
        reply = server.ask(f"/echo/{text}")
        reply.expect(400, why="What cannot be decoded has no meaning, and guessing is how filters are passed by.")


def test_query(server: Server) -> None:
    """HS-14: the query is no part of the path."""
    why = "The path ends at the first question mark; these paths take no query."
    word = server.word()
    expect_body(server.ask(f"/?{word}=1"), b"ok\n", why)
    expect_echo(server.ask(f"/echo/{word}?a=b/c?d"), word, why)


def test_absolute_form(server: Server) -> None:
    """HS-14: a target with scheme and host is served by its path."""
    why = "Every server must accept the form that proxies are sent (RFC 9112, 3.2.2)."
    word = server.word()
    expect_echo(server.ask(f"http://lab/echo/{word}"), word, why)
    expect_body(server.ask("http://lab:8000/?x"), b"ok\n", why)


def test_encoded_path(server: Server) -> None:
    """HS-14: paths are compared after decoding."""
    why = "/%65cho is /echo, written otherwise."
    word = server.word()
    expect_echo(server.ask(f"/%65ch%6F/{word}"), word, why)


def test_dot_segments(server: Server) -> None:
    """HS-14: dot segments stay where they are."""
    why = "Removing dot segments after decoding is how a path leaves its folder; this server never does it."
    for text in ("..", "../x", "a/../b", "./a//b/."):
        expect_echo(server.ask(f"/echo/{text}"), text, why)
    for path in ("/echo/../", "/x/..", "/./"):
        reply = server.ask(path)
        if path.startswith("/echo/"):
            expect_echo(reply, path.removeprefix("/echo/"), why)
        else:
            reply.expect(404, why=why)


def test_not_found(server: Server) -> None:
    """HS-15: what does not exist is 404."""
    word = server.word()
    for path in (f"/{word}", f"/{word}/", f"/echo{word}/x", f"/headers/{word}", "/Headers", "//"):
        server.ask(path).expect(404, why="No such path; paths are compared byte by byte.")


def test_unknown_method(server: Server) -> None:
    """HS-15: a method that the server does not know is 501, wherever."""
    for method, path in (("BREW", "/"), ("get", "/"), ("PATCH", f"/{server.word()}"), ("OPTIONS", "/headers")):
        why = "501 says that the server knows no such method; 405 would say that another path may take it."
        server.ask(path, method=method).expect(501, why=why)


def test_not_allowed(server: Server) -> None:
    """HS-15: a known method on a path that does not take it is 405, with the methods that it takes."""
    word = server.word()
    cases = (
        ("DELETE", "/", {"GET", "HEAD"}),
        ("PUT", f"/echo/{word}", {"GET", "HEAD"}),
        ("GET", "/echo", {"POST"}),
        ("HEAD", "/echo", {"POST"}),
        ("POST", "/headers", {"GET", "HEAD"}),
    )
    for method, path, methods in cases:
        expect_allow(server.ask(path, method=method), path, methods)


def test_slow(server: Server) -> None:
    """HS-7: /slow/{ms} takes at least that long."""
    for milliseconds in (0, server.rng.randint(150, 250), server.rng.randint(700, 900)):
        reply = expect_body(server.ask(f"/slow/{milliseconds}"), b"ok\n", "It answers ok, later.")
        took = reply.answered - reply.sent
        if took < milliseconds / 1000 - GRANULARITY:
            expected = f"an answer after at least {milliseconds} ms"
            fail(reply, expected=expected, got=f"one after {took * 1000:.0f} ms", why="It was asked to be slow.")


def test_slow_bounds(server: Server) -> None:
    """HS-7: a number that is none, or too large, is refused."""
    for text in ("10001", "-1", "1.5", server.word(5) + "x", "99999999999999999999"):
        server.ask(f"/slow/{text}").expect(400, why="ms is a whole number from 0 to 10000.")


def test_head(server: Server) -> None:
    """HS-13: HEAD is GET without the body."""
    for path in ("/", f"/echo/{server.word()}", "/slow/0", f"/{server.word()}"):
        _check_head(server, path)


def _check_head(server: Server, path: str) -> None:
    why = "HEAD asks what GET would answer, without the body."
    got = server.ask(path)
    with server.connect() as connection:
        connection.send(raw_request(path, CLOSE, method="HEAD"))
        head: Reply = connection.read("HEAD")
        if more := connection.peek(AFTER_THE_ANSWER):
            fail(connection, expected="no body after the fields of a HEAD's answer", got=shown(more), why=why)
    head.expect(got.status, why=why)
    for name in ("Content-Type", "Content-Length", "Transfer-Encoding"):
        is_optional = name != "Content-Type" and head.get(name) is None
        if not is_optional and head.get(name) != got.get(name):
            fail(got, head, expected=f"{name}: {got.get(name)}, as for GET", got=f"{name}: {head.get(name)}", why=why)
