"""Stage headers: reading fields."""

from __future__ import annotations

import random

from vocabulary import CLOSE, Server, expect_body, expect_echo, json_object, shown

from labrunner.checks import Reply, fail, raw_request

ALL = "/headers shows every field as the server understood it."
TARGET = 8_000
SECTION = 16 * 1024
FIELDS = 100


def fields_of(server: Server, *lines: str) -> tuple[Reply, dict[str, object]]:
    """What ``GET /headers`` with these field lines shows."""
    reply = server.ask("/headers", *lines).expect(200, why=ALL)
    return reply, json_object(reply, ALL)


def expect_fields(reply: Reply, got: dict[str, object], wanted: dict[str, str], why: str) -> None:
    """Each of these, with exactly that value."""
    for name, value in wanted.items():
        if got.get(name) != value:
            fail(reply, expected=f"{name!r}: {value!r}", got=f"{name!r}: {got.get(name)!r}", why=why)


def any_case(name: str, rng: random.Random) -> str:
    """The name, each letter large or small."""
    return "".join(rng.choice((letter.lower(), letter.upper())) for letter in name)


def test_all_fields(server: Server) -> None:
    """HS-5: all fields as a JSON object, and nothing else."""
    one, two = server.word(), server.word()
    reply, got = fields_of(server, f"x-{one}: {two}", 'x-quotes: say "hi" \\ bye')
    wanted = {"host": "lab", f"x-{one}": two, "x-quotes": 'say "hi" \\ bye', "connection": "close"}
    expect_fields(reply, got, wanted, ALL)
    if extra := set(got) - set(wanted):
        fail(reply, expected=f"the fields {', '.join(wanted)}", got=f"also {', '.join(sorted(extra))}", why=ALL)


def test_names_in_any_case(server: Server) -> None:
    """HS-16: names are the same in any case."""
    why = "Field names are case-insensitive (RFC 9110, 5.1); /headers shows them in lower case."
    name = f"X-{server.word()}-Y"
    with server.connect() as connection:
        mixed = any_case(name, server.rng)
        connection.send(f"GET /headers HTTP/1.1\r\nhOsT: lab\r\n{mixed}: 1\r\ncONNECTION: close\r\n\r\n".encode())
        reply = connection.read().expect(200, why=why)
    expect_fields(reply, json_object(reply, why), {name.lower(): "1", "host": "lab"}, why)


def test_repeated_fields(server: Server) -> None:
    """HS-5: repeated lines are one list, in order."""
    why = "Lines of one name are one list, in the order of their arrival (RFC 9110, 5.3)."
    name = f"x-{server.word()}"
    values = [server.word(4) for _ in range(3)]
    reply, got = fields_of(
        server, f"{name}: {values[0]}", "x-between: 1", f"{name.upper()}: {values[1]}", f"{name}:{values[2]}"
    )
    expect_fields(reply, got, {name: ", ".join(values), "x-between": "1"}, why)


def test_white_space(server: Server) -> None:
    """HS-16: blanks around a value are none of it."""
    why = "White space around a value is dropped, inside it stays; there may be none, or no value (RFC 9112, 5)."
    wanted = {"x-tight": "v", "x-wide": "v", "x-tabs": "v", "x-inside": "a  b\tc", "x-empty": ""}
    lines = ("X-Tight:v", "X-Wide:    v   ", "X-Tabs:\t v \t", "X-Inside: a  b\tc", "X-Empty:")
    reply, got = fields_of(server, *lines)
    expect_fields(reply, got, wanted, why)


def test_colon_in_value(server: Server) -> None:
    """HS-16: only the first colon divides a line."""
    why = "The name ends at the first colon; a value may have more."
    reply, got = fields_of(server, "X-Url: http://a:80/b:c", "X-Time::x")
    expect_fields(reply, got, {"x-url": "http://a:80/b:c", "x-time": ":x"}, why)


def test_long_target(server: Server) -> None:
    """HS-17: a target of 8,000 bytes is read."""
    text = server.word(TARGET - len("/echo/"))
    expect_echo(server.ask(f"/echo/{text}"), text, "Targets of at least 8,000 bytes are accepted.")


def test_many_fields(server: Server) -> None:
    """HS-17: 100 fields are read."""
    names = [f"x-{number}-{server.word(4)}" for number in range(FIELDS - 2)]
    reply, got = fields_of(server, *(f"{name}: {number}" for number, name in enumerate(names)))
    expect_fields(reply, got, {name: str(number) for number, name in enumerate(names)}, "100 fields are accepted.")


def test_large_section(server: Server) -> None:
    """HS-17: 16 KiB of fields are read, in one line or in several."""
    why = "16 KiB of fields are accepted."
    room = SECTION - len(f"Host: lab\r\nx-a: \r\n{CLOSE}\r\n\r\n")
    value = server.word(room)
    reply, got = fields_of(server, f"x-a: {value}")
    if got.get("x-a") != value:
        fail(reply, expected=f"x-a of {room:,} bytes", got=shown(str(got.get("x-a")).encode()), why=why)
    with server.connect() as connection:
        pieces = [raw_request("/", f"x-a: {value}", CLOSE)[at : at + 3000] for at in range(0, SECTION + 100, 3000)]
        connection.send(*filter(None, pieces))
        expect_body(connection.read(), b"ok\n", why)
