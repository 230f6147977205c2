"""Stage files: state that must not be lost, torn, or somebody else's."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable
from urllib.parse import quote

from vocabulary import CLOSE, Server, expect_allow, expect_body, expect_field, expect_type, field, shown, tag_of

from labrunner.checks import Connection, Reply, Services, fail, raw_request, wait

FIXDATE = "%a, %d %b %Y %H:%M:%S GMT"
WATCHED = 0.8
"""Seconds of reading while others write."""
KILLS = 3
LONGEST_BEFORE_KILL = 0.03
NOTICED = 0.15
"""Seconds for the service to notice that a client is gone; only a wrong one is seen better for it."""


def test_put_and_get(server: Server) -> None:
    """HS-9, HS-10: what was put is got."""
    name, body = server.word(), server.data(500)
    server.ask(f"/files/{name}", method="PUT", body=body).expect(201, why="The file is new.")
    reply = expect_body(server.file(name), body, "A file is the bytes that were put.")
    expect_type(reply, "application/octet-stream", "Nobody said what it is.")
    expect_field(reply, "Accept-Ranges", "bytes", "A client learns that it may ask for parts.")
    modified = field(reply, "Last-Modified", "A client learns how old it is.")
    try:
        dt.datetime.strptime(modified, FIXDATE).replace(tzinfo=dt.UTC)
    except ValueError:
        fail(reply, expected="Last-Modified as an IMF-fixdate", got=modified, why="Dates have one form.")
    tag_of(reply)


def test_replace(server: Server) -> None:
    """HS-9: a second PUT replaces, and says so."""
    name, bodies = server.word(), [server.data(300), server.data(20), b""]
    server.put(name, server.data(10))
    for body in bodies:
        server.ask(f"/files/{name}", method="PUT", body=body).expect(204, why="The file was there already.")
        expect_body(server.file(name), body, "It is the new state, and nothing of the old one.")


def test_delete(server: Server) -> None:
    """HS-10, HS-11: what is gone, or never was, is 404."""
    name = server.word()
    server.file(name).expect(404, why="No such file.")
    server.ask(f"/files/{name}", method="DELETE").expect(404, why="No such file.")
    server.put(name, b"x")
    server.ask(f"/files/{name}", method="DELETE").expect(204, why="It was there, and is deleted.")
    server.file(name).expect(404, why="It was deleted.")
    server.ask(f"/files/{name}", method="PUT", body=b"y").expect(201, why="After a DELETE the file is new again.")
    path = f"/files/{name}"
    expect_allow(server.ask(path, method="POST", body=b"z"), path, {"GET", "HEAD", "PUT", "DELETE"})


def test_file_head(server: Server) -> None:
    """HS-13: HEAD of a file tells all but the bytes."""
    name, body = server.word(), server.data(400)
    server.put(name, body)
    got = server.file(name)
    head = server.file(name, method="HEAD").expect(200, why="HEAD works wherever GET does.")
    for each in ("ETag", "Last-Modified", "Content-Type", "Accept-Ranges"):
        expect_field(head, each, field(got, each, "A GET has it."), "HEAD has the fields of GET.")
    server.file(server.word(), method="HEAD").expect(404, why="HEAD has the status of GET.")


def test_names(server: Server) -> None:
    """HS-27, HS-28: any segment is a name, and each is a file of its own."""
    word = server.word()
    plain = [f"{word} x", f"é{word}€", f".{word}", f"..{word}", f"{word}..", f"{word}:b*?<>|", f"-{word}", f"{word}%2e"]
    cased = [f"{word}a", f"{word}A"]
    temporary = [f"{word}{end}" for end in ("", ".tmp", ".new", ".part", "~", ".lock", ".bak", ".meta", ".etag")]
    longest = [word + "x" * 190, word + "é" * 95]
    files = {name: server.data(30) for name in (*plain, *cased, *temporary, *longest)}
    for name, body in files.items():
        server.put(quote(name, safe=""), body).expect(201, why=f"A file of its own: {name!r}.")
    # Once more, now that all the names are there that a temporary file might have.
    files[word] = server.data(30)
    server.put(word, files[word]).expect(204, why="It was there already.")
    for name, body in files.items():
        expect_body(server.file(quote(name, safe="")), body, f"Each name is a file of its own: {name!r}.")
    encoded = "".join(f"%{byte:02X}" for byte in cased[0].encode())
    expect_body(server.file(encoded), files[cased[0]], "A name is the same however it is encoded.")


def test_traversal(server: Server, services: Services) -> None:
    """HS-27: no name leads out of the folder."""
    own = Server(services.start(), server.rng)
    secret, word = server.data(40), server.word()
    own.service.put_data(f"secret-{word}", secret)
    why = "A name is one segment; whatever leads elsewhere is refused and touches nothing."
    out = f"secret-{word}"
    refused = [f"../{out}", f"%2e%2e/{out}", f"..%2f{out}", f"%2E%2E%2F{out}", f"..\\{out}", f"..%5c{out}", "", ".",
               "..", "%2e", "%2e%2e", f"{word}%00x", f"x/{word}", f"x%2F{word}", f"/{word}", "%2fetc%2fpasswd",
               f"x/../../{out}", "..%2f..%2f..%2fetc%2fpasswd", f"{word}%5Cx"]  # fmt: skip
    for name in refused:
        for method, body in (("GET", None), ("PUT", b"mine"), ("DELETE", None), ("GET", None)):
            own.ask(f"/files/{name}", method=method, body=body).expect(400, 404, why=why)
    twice = f"%252e%252e%252f{out}"
    own.file(twice).expect(404, why="Decoded once this is an odd name of no file; decoded twice it would lead out.")
    own.ask(f"/files/{twice}", method="DELETE").expect(404, why="Decoded once this is an odd name of no file.")
    left = own.service.read_data(out)
    if left != secret:
        got = "it is gone" if left is None else shown(left)
        fail(own.ask("/"), expected="a file outside of FILES_DIR as it was", got=got, why=why)


def test_links(server: Server, services: Services) -> None:
    """HS-27: a symbolic link in the folder leads nowhere."""
    own = Server(services.start(), server.rng)
    secret, name = server.data(40), server.word()
    own.service.put_data(f"outside-{name}", secret)
    own.service.link_data(f"files/{name}", f"outside-{name}")
    why = "A link that somebody put there must not be followed: it shows, and overwrites, files of the whole machine."
    reply = own.file(name)
    if secret in reply.content:
        fail(reply, expected="an answer without the bytes of the file that the link names", got="its bytes", why=why)
    reply = own.ask(f"/files/{name}", method="PUT", body=b"mine")
    if own.service.read_data(f"outside-{name}") != secret:
        fail(reply, expected="the file that the link names as it was", got="it was overwritten", why=why)


def test_tags(server: Server) -> None:
    """HS-29: the ETag changes with the bytes, and only with a PUT."""
    name = server.word()
    bodies = [bytes([65 + number]) * 50 for number in range(5)]
    tags: dict[str, bytes] = {}
    for body in bodies:
        server.put(name, body)
        reply = expect_body(server.file(name), body, "The file is what was put last.")
        tag = tag_of(reply)
        why = "Other bytes, another ETag, also when both were written in one second and are equally long."
        if tag in tags:
            fail(reply, expected=f"another ETag than that of {tags[tag][:1]!r} * 50", got=f"ETag: {tag}", why=why)
        tags[tag] = body
        again = server.file(name)
        if tag_of(again) != tag:
            fail(reply, again, expected=f"ETag: {tag}", got=f"ETag: {again.get('ETag')}", why="Nothing was put since.")


def test_whole_states(server: Server) -> None:
    """HS-28, HS-29: a GET sees one whole state, with the ETag of that very state."""
    name = server.word()
    bodies = {(server.word(16).encode()) * 20_000 for _ in range(4)}
    server.put(name, next(iter(bodies)))
    stop = threading.Event()
    writers = [_Thread(lambda: _write_until(server, name, list(bodies), stop)) for _ in range(2)]
    known: dict[str, bytes] = {}
    try:
        until = time.monotonic() + WATCHED
        while time.monotonic() < until:
            _check_state(server.file(name), bodies, known)
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    for writer in writers:
        writer.tell()


def _check_state(reply: Reply, bodies: set[bytes], known: dict[str, bytes]) -> None:
    reply.expect(200, why="The file is there all the time: a PUT replaces it at one moment.")
    why = "A reader sees the state before a PUT or the one after it, never a mixture."
    if reply.content not in bodies:
        fail(reply, expected="one of the bodies that were put", got=shown(reply.content), why=why)
    tag = tag_of(reply)
    if known.setdefault(tag, reply.content) != reply.content:
        why = "The ETag is that of the very bytes that come with it."
        fail(reply, expected="an ETag that came only with these bytes", got=f"{tag}, seen with others", why=why)


def _write_until(server: Server, name: str, bodies: list[bytes], stop: threading.Event) -> None:
    number = 0
    while not stop.is_set():
        number += 1
        reply = server.ask(f"/files/{name}", method="PUT", body=bodies[number % len(bodies)])
        reply.expect(204, why="It replaces a file that is there.")


class _Thread(threading.Thread):
    """Keeps what was raised, for the check to raise again."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self._raised: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._work()
        except BaseException as fault:  # noqa: BLE001 - raised again by `tell`
            self._raised = fault

    def tell(self) -> None:
        """Raise what the work raised."""
        if self._raised is not None:
            raise self._raised


def test_broken_upload(server: Server) -> None:
    """HS-28: a PUT that breaks off changes nothing."""
    name, fresh, body = server.word(), server.word(), server.data(400)
    server.put(name, body)
    tag = tag_of(server.file(name))
    whole = raw_request(f"/files/{name}", method="PUT", body=server.data(9000))
    chunks = raw_request(f"/files/{name}", "Transfer-Encoding: chunked", method="PUT") + b"5\r\nhello\r\n"
    new = raw_request(f"/files/{fresh}", method="PUT", body=server.data(9000))[:-50]
    for request, leave in ((whole[:-1], Connection.abort), (whole[:5000], Connection.half_close),
                           (chunks, Connection.half_close), (new, Connection.abort)):  # fmt: skip
        connection = server.connect().send(request)
        wait(0.02)
        leave(connection)
        wait(NOTICED)
        why = "Only a body that has arrived whole may take the file's place."
        reply = expect_body(server.file(name), body, why)
        expect_field(reply, "ETag", tag, why)
        server.file(fresh).expect(404, why="Its first PUT never arrived whole.")
        connection.close()


def test_durable(server: Server, services: Services) -> None:
    """HS-28, HS-29: what was acknowledged outlives SIGKILL, with its ETag."""
    own = Server(services.start(), server.rng)
    kept, replaced, gone = (server.word() for _ in range(3))
    bodies = {kept: server.data(3000), replaced: server.data(2000)}
    own.put(kept, bodies[kept])
    own.put(replaced, b"old")
    own.put(gone, b"old")
    own.put(replaced, bodies[replaced])
    tags = {name: tag_of(own.file(name)) for name in bodies}
    own.ask(f"/files/{gone}", method="DELETE").expect(204, why="It was there.")
    own.service.kill()
    own.service.restart()
    why = "Acknowledged, so still there after SIGKILL and restart, and the same as before."
    for name, body in bodies.items():
        reply = expect_body(own.file(name), body, why)
        expect_field(reply, "ETag", tags[name], why)
    own.file(gone).expect(404, why="Its DELETE was acknowledged before the kill.")


def test_killed_while_writing(server: Server, services: Services) -> None:
    """HS-28: a kill in the middle of a PUT leaves the state before it or the one after."""
    own = Server(services.start(), server.rng)
    name = server.word()
    old = server.word(16).encode() * 30_000
    own.put(name, old)
    why = "The file was there before the kill; a PUT without an answer was carried out as a whole, or not at all."
    for _ in range(KILLS):
        new = server.word(16).encode() * 30_000
        with own.connect() as connection:
            connection.send(raw_request(f"/files/{name}", method="PUT", body=new))
            wait(server.rng.uniform(0.0, LONGEST_BEFORE_KILL))
            own.service.kill()
        own.service.restart()
        reply = own.file(name).expect(200, why=why)
        if reply.content not in {old, new}:
            fail(reply, expected="the state before the PUT or the one after", got=shown(reply.content), why=why)
        old = reply.content


def test_many_requests(server: Server) -> None:
    """HS-9, HS-22: files and their bodies go over one connection, too."""
    name = server.word()
    why = "Each request on a connection gets its own answer."
    with server.connect() as connection:
        for length in (10, 70_000, 0):
            body = server.data(length)
            connection.send(raw_request(f"/files/{name}", method="PUT", body=body)).read("PUT").expect(
                201, 204, why=why
            )
            expect_body(connection.send(raw_request(f"/files/{name}")).read(), body, why)
        connection.send(raw_request(f"/files/{name}", CLOSE, method="DELETE")).read("DELETE").expect(204, why=why)
