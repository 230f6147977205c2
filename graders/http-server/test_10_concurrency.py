"""Stage concurrency: many clients, slow ones, gone ones, and the end of the service."""

from __future__ import annotations

import contextlib
import resource
import time

from vocabulary import Server, expect_body

from labrunner.checks import (
    GRANULARITY,
    PULSE,
    Broken,
    Connection,
    Service,
    Services,
    exceeded,
    fail,
    note_deadline,
    raw_request,
    undecided,
    wait,
    wait_until,
)

KEEP_ALIVE_MS = 700
HEADER_MS = 900
BRIEF_MS, PATIENT_MS = 500, 5_000
LATER = 2.0
"""Seconds after a time-out within which the connection must be closed."""
PROMPT = 0.5
"""Seconds in which GET / is answered, whatever others do; a deadline."""
STARVED = 0.1
"""Share of a late answer's time for which a little work of the check's own was held up: then the delay may be the machine's."""
IDLE = 500
SLOW = 50
PROBES = 5
FILLING = 3
"""So often is it probed while the buffers fill: on a busy machine they are not full at once."""
UNREAD = (64, 12, 12, 12)
"""Answers of 1 MiB that each of some clients does not read: the first's are more than the buffers between a service in a
container and a client can grow to."""
STOP_SECONDS = 5.0
BEFORE_THE_SIGNAL = 0.3


def timed(server: Server, services: Services, keep_alive: int, header: int) -> Service:
    """A service with these time-outs, in milliseconds."""
    chosen = {"KEEP_ALIVE_TIMEOUT_MS": str(keep_alive), "HEADER_TIMEOUT_MS": str(header)}
    return services.start({**server.service.env, **chosen})


def expect_prompt(server: Server, why: str) -> None:
    """GET / on new connections, each within the deadline, unless the machine itself had no time to give."""
    PULSE.start()
    for _ in range(PROBES):
        with server.connect() as connection:
            reply = expect_body(connection.send(raw_request("/")).read(), b"ok\n", why)
            took = reply.answered - reply.sent
            note_deadline(took, PROMPT)
            if took > PROMPT:
                if PULSE.lost(reply.sent, reply.answered) > took * STARVED:
                    undecided("the machine had no time to give")
                exceeded(
                    reply, deadline=PROMPT, expected="an answer within 0.5 s", got=f"one after {took:.2f} s", why=why
                )


def expect_left(connection: Connection, since: float, soonest: float, latest: float, why: str) -> None:
    """The service answers 408, or closes, between so many seconds after what began at `since` or later."""
    answer = connection.peek(max(latest - (time.monotonic() - since), GRANULARITY))
    seen = time.monotonic() - since
    if not answer and not connection.has_ended:
        expected = f"408, or the end of the connection, within {latest:.1f} s"
        exceeded(connection, deadline=latest, expected=expected, got="neither", why=why)
    if seen < soonest - GRANULARITY:
        expected = f"the connection open for {soonest:.2f} s at least"
        fail(connection, expected=expected, got=f"it was left after {seen:.2f} s", why=why)
    if answer:
        connection.read().expect(408, why=why)


def test_keep_alive_timeout(server: Server, services: Services) -> None:
    """HS-24: an idle connection is closed, not sooner than said and soon after."""
    own = timed(server, services, KEEP_ALIVE_MS, 20_000)
    why = "Idle connections cost memory; but a client that was promised time must have it."
    with own.connect() as connection:
        expect_body(connection.send(raw_request("/")).read(), b"ok\n", why)
        wait(KEEP_ALIVE_MS / 2000)
        reply = expect_body(connection.send(raw_request("/")).read(), b"ok\n", why)
        ended = connection.end(within=KEEP_ALIVE_MS / 1000 + LATER, why=why) - reply.sent
        if ended < KEEP_ALIVE_MS / 1000 - GRANULARITY:
            expected = f"the connection open for {KEEP_ALIVE_MS} ms at least"
            fail(reply, expected=expected, got=f"it was closed after {ended * 1000:.0f} ms", why=why)


def test_header_timeout(server: Server, services: Services) -> None:
    """HS-25: a head that does not end is not waited for, however steadily it drips."""
    own = timed(server, services, 20_000, HEADER_MS)
    why = "A slow loris drips a byte now and then, and holds a place for ever."
    with own.connect() as connection:
        first = time.monotonic()
        latest = HEADER_MS / 1000 + LATER
        connection.send(b"GET / HTTP/1.1\r\nHost: lab\r\nX-Drip: ")
        while not connection.peek(0.1) and not connection.has_ended and time.monotonic() - first < latest:
            connection.send(b"a")
        expect_left(connection, first, HEADER_MS / 1000, latest, why)


def test_time_for_the_head(server: Server, services: Services) -> None:
    """HS-24, HS-25: a head that comes slowly, but in time, is answered."""
    own = timed(server, services, BRIEF_MS, PATIENT_MS)
    why = "The fields have HEADER_TIMEOUT_MS from their first byte, whatever KEEP_ALIVE_TIMEOUT_MS is."
    with own.connect() as connection:
        request = raw_request("/echo", method="POST", body=b"hello")
        began = time.monotonic()
        connection.send(request[:10], request[10:30], request[30:], gap=0.7)
        reply = connection.read_or_end()
        if time.monotonic() - began >= PATIENT_MS / 1000 - GRANULARITY:
            undecided("the client itself took longer than the header time-out")
        if reply is None:
            # Before its first byte was read, either time-out may have passed: on a stalled machine that is right.
            exceeded(connection, deadline=BRIEF_MS / 1000, expected="200", got="the connection was closed", why=why)
        expect_body(reply, b"hello", why)


def test_silent_connection(server: Server, services: Services) -> None:
    """HS-25: a connection that never sent a byte is closed by either time-out."""
    own = timed(server, services, KEEP_ALIVE_MS, HEADER_MS)
    why = "A connection on which nothing comes is closed after one of the time-outs."
    with own.connect() as connection:
        soonest, latest = min(KEEP_ALIVE_MS, HEADER_MS) / 1000, max(KEEP_ALIVE_MS, HEADER_MS) / 1000 + LATER
        expect_left(connection, connection.began, soonest, latest, why)


def test_crowd(server: Server, services: Services) -> None:
    """HS-26: 500 idle connections and 50 slow requests delay nobody."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    own = Server(services.start(), server.rng)
    why = "Whoever waits must not keep others waiting."
    with contextlib.ExitStack() as stack:
        for number in range(IDLE):
            connection = stack.enter_context(own.connect())
            if number % 2:
                expect_body(connection.send(raw_request("/")).read(), b"ok\n", why)
        slow = [stack.enter_context(own.connect()) for _ in range(SLOW)]
        began = time.monotonic()
        for connection in slow:
            connection.send(raw_request("/slow/1500"))
        expect_prompt(own, why)
        for connection in slow:
            expect_body(connection.read(deadline=8.0), b"ok\n", "A slow request is answered as well.")
        took = time.monotonic() - began
        if took > 6.0:
            got = f"{took:.1f} s"
            exceeded(slow[-1], deadline=6.0, expected="50 requests of 1.5 s side by side, in 6 s", got=got, why=why)


def test_slow_reader(server: Server, services: Services) -> None:
    """HS-26: a client that does not read its answers harms nobody."""
    own = Server(services.start(), server.rng)
    name, body = server.word(), server.data(1024 * 1024)
    own.put(name, body)
    why = "An answer that nobody reads fills the buffers; only its own connection may wait."
    with contextlib.ExitStack() as stack:
        for unread in UNREAD:
            stack.enter_context(own.connect()).send(raw_request(f"/files/{name}") * unread)
        for _ in range(FILLING):
            wait(0.3)
            expect_prompt(own, why)


def test_gone_clients(server: Server, services: Services) -> None:
    """HS-26: a client that is gone harms nobody."""
    own = Server(services.start(), server.rng)
    name = server.word()
    own.put(name, server.data(500_000))
    why = "Clients break off at any moment; the server goes on for the others."
    for _ in range(5):
        own.connect().send(raw_request("/stream/200")).abort()
        own.connect().send(raw_request("/slow/200")).abort()
        own.connect().send(raw_request(f"/files/{name}") * 3).abort()
        own.connect().send(raw_request("/echo", method="POST", body=b"x" * 900)[:-100]).abort()
        own.connect().send(b"GET / HT").abort()
        own.connect().abort()
    wait(0.3)
    expect_prompt(own, why)


def test_graceful_stop(server: Server, services: Services) -> None:
    """C-6: SIGTERM closes idle connections and ends the service with 0, in time."""
    own = services.start()
    why = "Every deployment ends with SIGTERM; a service that must be killed loses requests."
    with own.connect() as idle, own.connect() as silent:
        reply = expect_body(idle.send(raw_request("/")).read(), b"ok\n", why)
        end = own.stop(within=STOP_SECONDS)
        if end.code is None:
            expected = "an end within 5 s of SIGTERM, with idle connections open"
            exceeded(reply, deadline=STOP_SECONDS, expected=expected, got="it still ran and was killed", why=why)
        if end.code != 0:
            got = f"exit code {end.code}" if end.code > 0 else f"killed by signal {-end.code}: nothing handles SIGTERM"
            fail(reply, expected="exit code 0 after SIGTERM", got=got, why=why)
        silent.close()


def test_in_flight(server: Server, services: Services) -> None:
    """C-6, HS-26: requests in flight at SIGTERM end whole."""
    own = services.start()
    why = "A request that was begun before SIGTERM is answered whole."
    with own.connect() as slow, own.connect() as stream:
        began = time.monotonic()
        slow.send(raw_request("/slow/1200"))
        stream.send(raw_request("/stream/90"))
        if not stream.peek(STOP_SECONDS):
            exceeded(stream, deadline=STOP_SECONDS, expected="a first chunk", got="none within 5 s", why=why)
        wait_until(began + BEFORE_THE_SIGNAL)
        end = own.stop(within=STOP_SECONDS)
        try:
            whole = stream.read()
        except Broken:
            if end.code is not None and end.seconds < STOP_SECONDS / 2:
                raise
            # Whoever was killed in the end, or gave up near the end of its time, may only have been stalled.
            exceeded(stream, deadline=STOP_SECONDS / 2, expected="all of /stream", got="its beginning", why=why)
        expect_body(whole, b"".join(b"chunk %d\n" % number for number in range(1, 91)), why)
        reply = slow.read_or_end()
        if reply is None:
            # That it was not begun within this time proves nothing while the machine is stalled.
            exceeded(
                slow, deadline=BEFORE_THE_SIGNAL, expected="200 to a /slow in flight at SIGTERM", got="nothing", why=why
            )
        expect_body(reply, b"ok\n", why)
