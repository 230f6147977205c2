"""The load generator: a real Locust in its own child process, against small services in this one."""

from __future__ import annotations

import array
import base64
import contextlib
import json
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from labrunner.loadtest.generator import Generator
from labrunner.loadtest.measure import LocustLoadTest
from labrunner.loadtest.shipped import BOOT
from labrunner.model.load import Call, LoadSpec
from labrunner.ports import LoadBroken, LoadOrder, NotStarted
from labrunner.runtimes.process.generator import ProcessGenerator
from tests.command import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SPEC = LoadSpec(capacity=0.4, p95=4.0, objective_ms=25.0, rate=0.2, users=8, reference="python")
SOURCE = """
from labrunner.loadtest.user import RawUser, Request, get

class Caller(RawUser):
    @classmethod
    def plan(cls, environment, rng, agent):
        number = 0
        while True:
            number += 1
            yield Request(f"key-{number % 10}", number % 7, get(f"/{environment['WORD']}/{number}", agent))

    @classmethod
    def read(cls, request, status, body):
        return int(body) if body.isdigit() else None
"""
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n42"


class Tiny:
    """A service in threads of this process. What it answers is `answer`; before it answers it calls `before`."""

    name = "tiny"

    def __init__(self, answer: bytes = PLAIN) -> None:
        self.answer = answer
        self.closes = False
        self.pause_for = 0.0
        self.requests: list[bytes] = []
        self.calls: list[str] = []
        self._going = threading.Event()
        self._going.set()
        self._server = socket.create_server(("127.0.0.1", 0), backlog=256)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def inner(self) -> tuple[str, int]:
        host, port = self._server.getsockname()
        return host, port

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):  # whoever asked may have given up
            while data := connection.recv(65536):
                self.requests.append(data)
                self._going.wait()
                if self.pause_for:
                    time.sleep(self.pause_for)
                # In pieces, so that every way to put an answer together again is gone.
                half = len(self.answer) // 2
                connection.sendall(self.answer[:half])
                connection.sendall(self.answer[half:])
                if self.closes:
                    return

    def pause(self) -> None:
        self.calls.append("pause")
        self._going.clear()

    def resume(self) -> None:
        self.calls.append("resume")
        self._going.set()

    def epitaph(self) -> str | None:
        return None

    def cpu_seconds(self) -> float | None:
        return None

    def close(self) -> None:
        self._server.close()


@pytest.fixture
def tiny() -> Iterator[Tiny]:
    """A service that answers 42."""
    service = Tiny()
    yield service
    service.close()


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[ProcessGenerator]:
    """Locust, just started."""
    generator = ProcessGenerator(BOOT, None, tmp_path / "generator")
    yield generator
    generator.close()


def order(tmp_path: Path, source: str = SOURCE) -> LoadOrder:
    """What the generator is to do."""
    return LoadOrder(SPEC, source, {"WORD": "hello"}, "s33d", tmp_path / "trace.json")


def prepared(pipe: ProcessGenerator, tmp_path: Path, *services: Tiny) -> Generator:
    """A generator whose users stand ready."""
    generator = Generator(pipe)
    sides = dict(zip(("learner", "reference"), (service.inner for service in services), strict=False))
    generator.prepare(order(tmp_path), sides, "lab/7")
    return generator


def unpacked(trace: dict[str, Any], column: str, kind: str) -> array.array[Any]:
    """One column of a trace."""
    return array.array(kind, base64.b64decode(trace[column]))


def test_every_request_is_recorded(pipe: ProcessGenerator, tmp_path: Path, tiny: Tiny) -> None:
    """What the service was sent, the trace holds: as many requests, each with its key, tag, moments and answer."""
    generator = prepared(pipe, tmp_path, tiny)
    before = time.monotonic()
    shot = generator.window("learner", 0.3)
    trace = json.loads(generator.trace())
    assert trace["requests"] == len(tiny.requests) == shot.window.requests > 0
    assert shot.window.answers <= shot.window.requests
    assert trace["wrongs"] == trace["unanswered"] == trace["dropped"] == 0
    assert set(unpacked(trace, "value", "i")) == {42}
    assert set(unpacked(trace, "status", "h")) == {200}
    sent, answered = unpacked(trace, "sent", "d"), unpacked(trace, "answered", "d")
    assert all(before < s < a < time.monotonic() for s, a in zip(sent, answered, strict=True))
    assert set(trace["keys"]) == {f"key-{number % 10}" for number in range(1, trace["requests"] + 1)}


def test_requests_are_as_the_lab_wrote_them(pipe: ProcessGenerator, tmp_path: Path, tiny: Tiny) -> None:
    """One plan for all users, in order: no request twice, nothing pipelined, the run's own agent."""
    generator = prepared(pipe, tmp_path, tiny)
    generator.window("learner", 0.2)
    numbers = [int(data.split(b" ")[1].rsplit(b"/", 1)[1]) for data in tiny.requests]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert all(data.count(b"GET ") == 1 and b"User-Agent: lab/7\r\n" in data for data in tiny.requests)


@pytest.mark.parametrize(
    "answer, closes",
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n4\r\n1\r\n2\r\n0\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n42", True),
        (b"HTTP/1.1 200 OK\r\n\r\n42", True),
    ],
    ids=["chunks", "closing", "to the end"],
)
def test_every_form_of_an_answer_is_understood(
    pipe: ProcessGenerator, tmp_path: Path, tiny: Tiny, answer: bytes, closes: bool
) -> None:
    """Chunks, and connections that end with their answer, are HTTP/1.1 too."""
    tiny.answer, tiny.closes = answer, closes
    generator = prepared(pipe, tmp_path, tiny)
    generator.window("learner", 0.2)
    trace = json.loads(generator.trace())
    assert trace["requests"] > 0
    assert (trace["wrongs"], trace["unanswered"]) == (0, 0)


def test_a_wrong_answer_is_told_and_no_answer_is_unknown(pipe: ProcessGenerator, tmp_path: Path, tiny: Tiny) -> None:
    """Garbage is wrong; a connection that is closed without an answer may have been carried out or not."""
    tiny.answer = b"what?\r\n\r\n"
    tiny.closes = True
    generator = prepared(pipe, tmp_path, tiny)
    generator.window("learner", 0.1)
    trace = json.loads(generator.trace())
    assert trace["wrongs"] == trace["requests"] > 0
    assert trace["wrong"][0]["request"].startswith("GET /hello/")


def test_a_service_that_does_not_answer_is_given_up(pipe: ProcessGenerator, tmp_path: Path, tiny: Tiny) -> None:
    """A window ends although no answer comes; the outcomes are unknown, and nothing counts as capacity."""
    tiny.pause()
    generator = prepared(pipe, tmp_path, tiny)
    shot = generator.window("learner", 0.1)
    tiny.resume()
    trace = json.loads(generator.trace())
    assert (shot.window.answers, trace["unanswered"]) == (0, trace["requests"])


def test_latency_counts_from_when_a_request_was_due(pipe: ProcessGenerator, tmp_path: Path, tiny: Tiny) -> None:
    """A service that stops for a while delays what was due meanwhile, though hardly anything was sent then."""
    generator = prepared(pipe, tmp_path, tiny)

    def freeze() -> None:
        until(lambda: len(tiny.requests) >= 20, "the schedule")
        tiny.pause()
        time.sleep(0.5)
        tiny.resume()

    freezing = threading.Thread(target=freeze)
    freezing.start()
    timed = generator.schedule("learner", 50.0, 4.0, 0.1)
    freezing.join()
    # 25 of 200 were due in that half second, and its 8 users sent 8 of them at most.
    assert timed.requests == pytest.approx(198, abs=2)
    assert timed.over > 0.08
    assert timed.p95 > 0.25
    assert timed.is_saturated is False


def test_a_whole_measurement(pipe: ProcessGenerator, tmp_path: Path) -> None:
    """Two services alike: enough capacity, quick enough; each is stopped while the other works, and both go on after."""
    learner, reference = Tiny(), Tiny()
    told: list[float] = []
    report = LocustLoadTest().measure(
        order(tmp_path), pipe, lambda: {"learner": learner, "reference": reference},  # type: ignore[dict-item]
        lambda share, text: told.append(share),
    )  # fmt: skip
    for service in (learner, reference):
        assert service.calls.count("pause") == service.calls.count("resume") > 2
        service.close()
    assert report.capacity.call is not Call.FAILED
    assert report.requests > 0
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert json.loads((tmp_path / "trace.json").read_bytes())["requests"] == report.requests


def test_a_lab_whose_load_cannot_be_loaded_is_told(pipe: ProcessGenerator, tmp_path: Path, tiny: Tiny) -> None:
    """The author sees the trace; the learner is not blamed."""
    generator = Generator(pipe)
    with pytest.raises(LoadBroken, match="NameError"):
        generator.prepare(order(tmp_path, "nonsense"), {"learner": tiny.inner}, "lab/1")


def test_the_generator_ends_with_its_input(pipe: ProcessGenerator, tmp_path: Path, tiny: Tiny) -> None:
    """So it does not outlive the runner; who asks it after that is told."""
    generator = prepared(pipe, tmp_path, tiny)
    pipe.close()
    with pytest.raises(LoadBroken, match="ended"):
        generator.window("learner", 0.1)


def test_a_death_under_load_is_the_services(pipe: ProcessGenerator, tmp_path: Path) -> None:
    """And is told with its last words."""
    learner, reference = Tiny(), Tiny()
    learner.epitaph = lambda: "exited with code 3"  # type: ignore[method-assign]
    learner.limit = lambda: None  # type: ignore[attr-defined]
    learner.log = lambda since, until: ("boom",)  # type: ignore[attr-defined]
    with pytest.raises(NotStarted) as caught:
        LocustLoadTest().measure(
            order(tmp_path), pipe, lambda: {"learner": learner, "reference": reference},  # type: ignore[dict-item]
            lambda share, text: None,
        )  # fmt: skip
    assert "exited with code 3" in caught.value.startup.failure.got
    assert caught.value.startup.failure.log == ("boom",)
