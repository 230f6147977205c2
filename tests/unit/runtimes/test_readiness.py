from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from labrunner.model.lab import ServiceSpec
from labrunner.model.status import Reason
from labrunner.runtimes import readiness
from labrunner.runtimes.listeners import Listener
from labrunner.runtimes.readiness import Glance

if TYPE_CHECKING:
    from collections.abc import Callable


SPEC = ServiceSpec("/healthz", 10_000, ())
SICK = Glance(500, b"HTTP/1.1 500", connected=True)
WELL = Glance(200, b"HTTP/1.1 200", connected=True)
SILENT = Glance(connected=True)


def _not_ready(glance: Glance, *listeners: Listener) -> tuple[Reason, str]:
    startup = readiness.not_ready(glance, list(listeners), SPEC, host="127.0.0.1", port=8000, log=("a line",))
    assert startup.failure.expected == "GET /healthz answered with 200 within 10 s of the start, on 127.0.0.1:8000"
    assert startup.failure.log == ("a line",)
    assert startup.failure.why
    return startup.reason, startup.failure.got


@pytest.mark.parametrize(
    "glance, listeners, got, reason",
    [
        (Glance(), (), "it runs, but listens on no port at all (PORT is 8000)", Reason.NOT_READY),
        (Glance(), (Listener("127.0.0.1", 5000),), "it runs, but listens on port 5000", Reason.NOT_READY),
        (Glance(), (Listener("0.0.0.0", 5000), Listener("::", 5001)), "it runs, but listens on port 5000, 5001",
         Reason.NOT_READY),
        (Glance(), (Listener("127.0.0.2", 8000),), "it listens on port 8000, but only on the address 127.0.0.2",
         Reason.NOT_READY),
        (Glance(), (Listener("::1", 8000),), "it listens on port 8000, but only on the address ::1", Reason.NOT_READY),
        (Glance(500, b"HTTP/1.1 500", connected=True), (), "GET /healthz answers 500", Reason.NOT_READY),
        (Glance(404, b"HTTP/1.1 404", connected=True), (), "GET /healthz answers 404", Reason.NOT_READY),
        (Glance(connected=True), (), "port 8000 accepts connections, but GET /healthz gets no answer", Reason.NOT_READY),
        (Glance(None, b"SSH-2.0\x1b[2J", connected=True), (),
         r"what answers on port 8000 is not HTTP: SSH-2.0\x1b[2J", Reason.PROTOCOL_ERROR),
    ],
)  # fmt: skip
def test_each_way_of_not_being_ready_has_its_own_sentence(
    glance: Glance, listeners: tuple[Listener, ...], got: str, reason: Reason
) -> None:
    """What is seen, with its numbers, in a form that tells what to change."""
    assert _not_ready(glance, *listeners) == (reason, got)


def test_where_any_answer_will_do_none_is_asked_for() -> None:
    """C-3 of http-server: a status line says that it is ready, whatever the status."""
    spec = ServiceSpec("/", 10_000, (), any_status=True)
    startup = readiness.not_ready(Glance(), [], spec, host="127.0.0.1", port=8000, log=())
    assert startup.failure.expected == "GET / answered within 10 s of the start, on 127.0.0.1:8000"


@pytest.mark.parametrize(
    "code, words", [(0, "exited with code 0"), (3, "exited with code 3"), (-9, "was killed by SIGKILL"),
                    (-11, "was killed by SIGSEGV"), (-64, "was killed by SIGRTMAX"), (-99, "was killed by signal 99")],
)  # fmt: skip
def test_an_end_is_told_in_words(code: int, words: str) -> None:
    """Exit codes and signals by name."""
    assert readiness.describe_exit(code) == words


def test_an_early_end_has_its_last_words() -> None:
    """Or says that there were none."""
    spoken = readiness.ended(1, 0.25, ("Boom",))
    assert spoken.reason is Reason.CRASHED
    assert spoken.failure.got == "the service exited with code 1 after 0.2 s, before it was ready"
    assert spoken.failure.log == ("Boom",)
    assert readiness.ended(1, 0.25, ()).failure.why == "It wrote nothing before it ended."


def _serve(behave: Callable[[socket.socket], None]) -> tuple[socket.socket, int]:
    server = socket.create_server(("127.0.0.1", 0))

    def once() -> None:
        client, _ = server.accept()
        with client:
            client.recv(1000)
            behave(client)

    threading.Thread(target=once, daemon=True).start()
    return server, server.getsockname()[1]


@pytest.mark.parametrize(
    "data, status",
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", 200),
        (b"HTTP/1.0 503 \r\n", 503),
        (b"HTTP/1.1 404\r\n", 404),
        (b"HTTP/1.1 200 OK", None),
        (b"HTTP/2 200\r\n", None),
        (b"HTTP/1.1 2000 OK\r\n", None),
        (b"HTTP/1.1 " + b"9" * 5000 + b" OK\r\n", None),
        (b"HTTP/1.1 -20 OK\r\n", None),
        (b"SSH-2.0-x\r\n", None),
        (b"", None),
        (b"x" * 100_000, None),
    ],
    ids=[
        "200",
        "503",
        "no-phrase",
        "no-line-end",
        "http2",
        "four-digits",
        "giant",
        "negative",
        "ssh",
        "close",
        "flood",
    ],
)
def test_only_a_whole_status_line_is_an_answer(data: bytes, status: int | None) -> None:
    """A TCP connection proves nothing, nor do bytes that are no HTTP; none of them crashes the runner."""
    server, port = _serve(lambda client: client.sendall(data))
    with server:
        glance = readiness.look("127.0.0.1", port, "/healthz", 10)
    assert glance.status == status
    assert glance.connected


def test_a_dripping_answer_is_not_waited_for() -> None:
    """The time-out is for the whole question: a byte now and then does not renew it."""
    stop = threading.Event()

    def drip(client: socket.socket) -> None:
        while not stop.wait(0.02):
            try:
                client.sendall(b"x")
            except OSError:
                return

    server, port = _serve(drip)
    with server:
        done: list[Glance] = []
        asking = threading.Thread(target=lambda: done.append(readiness.look("127.0.0.1", port, "/", 0.2)), daemon=True)
        asking.start()
        asking.join(30)
        stop.set()
    assert done
    assert done[0].status is None


def test_nobody_there_is_no_crash() -> None:
    """A refused connection is a glance too."""
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))  # so that nobody else listens there meanwhile
        assert readiness.look("127.0.0.1", kept.getsockname()[1], "/", 1) == Glance()


@pytest.mark.parametrize(
    "before, now, is_cut_short, known",
    [
        (SICK, SILENT, True, SICK),
        (SICK, SILENT, False, SILENT),
        (SICK, WELL, True, WELL),
        (Glance(), SILENT, True, SILENT),
    ],
    ids=["cut short", "grown silent", "answered in time", "first heard of"],
)
def test_a_look_that_is_cut_short_takes_nothing_back(
    before: Glance, now: Glance, is_cut_short: bool, known: Glance
) -> None:
    """The deadline may leave the last look a few milliseconds: that nothing came in them says nothing."""
    assert readiness.latest(before, now, is_cut_short=is_cut_short) == known
