"""Fakes of our own ports (`labrunner.ports`): services that live in a dictionary, and a suite that follows a script."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from labrunner.model.outcome import Attempt, Sight
from labrunner.model.result import Isolation
from labrunner.ports import Exit, NotStarted
from tests.builders import attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from labrunner.model.lab import ServiceSpec
    from labrunner.model.solution import Staged
    from labrunner.model.status import Reason
    from labrunner.ports import Bench, Companion, CompanionKind


class FakeService:
    """Lives until it is killed. `refusals` are raised by `wait_ready`, one per start."""

    def __init__(self, name: str, refusals: list[NotStarted] | None = None) -> None:
        self.name = name
        self.url = f"http://{name}"
        self.address = self.client_address = (name, 80)
        self.refusals = refusals if refusals is not None else []
        self.ending: str | None = None
        self.starved_of: Reason | None = None
        self.starts = 1
        self.calls: list[str] = []
        self.data: dict[str, bytes] = {}

    inner = ("127.0.0.1", 1)
    staged: Staged

    def cpu_seconds(self) -> float | None:
        return None

    def wait_ready(self, spec: ServiceSpec) -> float:
        if self.refusals:
            raise self.refusals.pop(0)
        return 0.125

    def answers(self, timeout: float) -> bool:
        return self.ending is None

    def cut(self) -> None:
        self.calls.append("cut")

    def mend(self) -> None:
        self.calls.append("mend")

    def die(self) -> None:
        """As a learner's service does."""
        self.ending = "exited with code 3"

    def epitaph(self) -> str | None:
        return self.ending

    def limit(self) -> Reason | None:
        return self.starved_of

    def memory(self) -> int | None:
        return 1 << 20

    def stored(self) -> int | None:
        return 1 << 10

    def log(self, since: float, until: float) -> tuple[str, ...]:
        return (f"{self.name} says",)

    def follow(self, listener: Callable[[str], None]) -> None:
        listener(f"{self.name} says")

    def stop(self, within: float) -> Exit:
        self.calls.append("stop")
        self.ending = "exited with code 0"
        return Exit(0, 0.0)

    def kill(self) -> None:
        self.calls.append("kill")
        self.ending = "was killed by SIGKILL"

    def pause(self) -> None:
        self.calls.append("pause")

    def resume(self) -> None:
        self.calls.append("resume")

    def start_again(self) -> None:
        self.calls.append("start_again")
        self.starts += 1
        self.ending = None

    def put_data(self, path: str, content: bytes) -> None:
        self.data[path] = content

    def link_data(self, path: str, target: str) -> None:
        self.data[path] = self.data.get(target, b"")

    def read_data(self, path: str) -> bytes | None:
        return self.data.get(path)

    def close(self) -> None:
        self.calls.append("close")
        self.ending = "was killed by SIGKILL"


class FakeWitness:
    """Always as slow as it is told to be."""

    def __init__(self, delay: float) -> None:
        self.delay = delay

    def worst(self, since: float, until: float) -> float:
        return self.delay

    def close(self) -> None:
        """Nothing to end."""


class FakePipe:
    """Says nothing."""

    closed = False

    def send(self, data: bytes) -> None:
        """Nobody listens."""

    def receive(self, seconds: float) -> bytes:
        return b""

    def close(self) -> None:
        self.closed = True


class FakeRuntime:
    """Starts `FakeService`s; its build may fail."""

    name = "fake"
    isolation = Isolation.STRONG
    notes = ("This is a fake.",)

    def __init__(
        self, *, refusals: list[NotStarted] | None = None, build: Exception | None = None, delay: float = 0.0
    ) -> None:
        self.refusals = refusals or []
        self.failing_build = build
        self.delay = delay
        self.services: list[FakeService] = []
        self.pipes: list[FakePipe] = []
        self.closed = False

    def build(self, staged: Staged) -> None:
        if self.failing_build:
            raise self.failing_build

    def launch(self, staged: Staged, environment: Mapping[str, str], *, name: str, port: int = 0) -> FakeService:
        service = FakeService(name, self.refusals if name == "service" else [])
        self.services.append(service)
        return service

    def companion(self, kind: CompanionKind, *, name: str, side: str | None = None) -> Companion:
        raise NotImplementedError

    def launch_timed(self, staged: Staged, environment: Mapping[str, str], *, name: str, side: str) -> FakeService:
        service = self.launch(staged, environment, name=name)
        service.staged = staged
        return service

    def generator(self, boot: str) -> FakePipe:
        self.pipes.append(FakePipe())
        return self.pipes[-1]

    def witness(self) -> FakeWitness:
        return FakeWitness(self.delay)

    def abandon(self) -> None:
        self.close()

    def close(self) -> None:
        self.closed = True
        for service in self.services:
            service.close()


class Try:
    """What the script of one try may use."""

    def __init__(self, number: int, bench: Bench, suite: FakeSuite) -> None:
        self.number = number
        self.bench = bench
        self.suite = suite


class FakeSuite:
    """Runs a script per check: a sight, or a function of the try."""

    def __init__(
        self, scripts: Mapping[str, Sight | Callable[[Try], Attempt]], broken: Exception | None = None
    ) -> None:
        self.scripts = dict(scripts)
        self.broken = broken
        self.tries: dict[str, int] = defaultdict(int)
        self.spans: list[tuple[str, float, float]] = []
        self.closed = threading.Event()
        self._lock = threading.Lock()

    def environment(self) -> dict[str, str]:
        if self.broken:
            raise self.broken
        return {"WORD": "hello"}

    def load_environment(self) -> dict[str, str]:
        return {}

    def checks(self) -> tuple[str, ...]:
        return tuple(self.scripts)

    def run(self, check: str, *, attempt: int, service: Mapping[str, Any], bench: Bench) -> Attempt:
        began = time.monotonic()
        with self._lock:
            self.tries[check] += 1
        script = self.scripts[check]
        try:
            return _attempt(script) if isinstance(script, Sight) else script(Try(attempt, bench, self))
        finally:
            with self._lock:
                self.spans.append((check, began, time.monotonic()))

    def close(self) -> None:
        self.closed.set()


def _attempt(sight: Sight) -> Attempt:
    return attempt(sight, deadline=1.0)
