"""The load measurement of one run: made once, when the first check asks for it, while nothing else runs."""

from __future__ import annotations

import contextlib
import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labrunner.errors import EnvironmentProblem, LabError
from labrunner.grading.bench import introduced
from labrunner.model.event import LoadMeasured, LoadProgress
from labrunner.ports.load import LoadOrder
from labrunner.ports.pipe import LoadBroken
from labrunner.ports.runtime import LEARNER, REFERENCE, NotStarted
from labrunner.solution import intake, manifest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from labrunner.grading.session import Session
    from labrunner.model.solution import Staged
    from labrunner.ports.load import LoadTest
    from labrunner.ports.runtime import TimedService
    from labrunner.ports.suite import Bench

UNDER_LOAD = "-under-load"


class LoadOnce:
    """Measures when first asked; everybody after that is told the same.

    Args:
        session: started.
        room: the concrete part.
        seed: of the run.
        work: the run's private folder.
    """

    def __init__(self, session: Session, room: LoadTest, seed: str, work: Path) -> None:
        self._session = session
        self._room = room
        self._seed = seed
        self._work = work
        self._lock = threading.Lock()
        self._told: dict[str, Any] | None = None
        self._fault: Exception | None = None
        self._news: queue.SimpleQueue[LoadProgress | LoadMeasured] = queue.SimpleQueue()
        self._reference: Staged | None = None
        self._is_over = False

    def news(self) -> Iterator[LoadProgress | LoadMeasured]:
        """What happened since the last call."""
        with contextlib.suppress(queue.Empty):
            while True:
                yield self._news.get_nowait()

    def bench(self, bench: Bench) -> Bench:
        """`bench`, with the load measurement to be asked for too."""
        return _WithLoad(bench, self)

    def tell(self) -> dict[str, Any]:
        """The report, where the trace is, the environment of the service, and what runs beside it.

        Raises:
            NotStarted: the learner's service did not start, or ended under load.
            EnvironmentProblem, LoadBroken: it cannot be measured.
        """
        with self._lock:
            if self._fault is not None:
                raise self._fault
            if self._told is None:
                try:
                    self._told = self._measure()
                except NotStarted as refusal:
                    # That a deadline passed once proves nothing; the next try of the check measures again.
                    self._fault = refusal if refusal.deadline is None else None
                    raise
                except (LabError, LoadBroken) as fault:
                    self._fault = fault
                    raise
            return self._told

    def _measure(self) -> dict[str, Any]:
        session, lab = self._session, self._session.lab
        source = lab.grader / "load.py"
        if lab.load is None or not source.is_file():
            raise LoadBroken("the lab has no load.py, or no [load] in its lab.toml")
        environment = dict(session.suite.load_environment())
        trace = self._work / "trace.json"
        order = LoadOrder(lab.load, source.read_text(encoding="utf-8"), environment, self._seed, trace)
        pipe = session.runtime.generator(self._room.boot)
        with contextlib.ExitStack() as undone:
            undone.callback(pipe.close)
            # The shared service has nothing to do now, but might do something all the same.
            session.service.pause()
            undone.callback(session.service.resume)
            report = self._room.measure(order, pipe, lambda: self._sides(environment, undone), self._listen)
        self._news.put(LoadMeasured(report))
        beside = {
            name.removesuffix(UNDER_LOAD): introduced(each, name) for name, each in session.load_companions.items()
        }
        return {"report": report, "trace": str(trace), "env": environment, "companions": beside}

    def close(self) -> None:
        """The run is over: what still waits or measures ends at its next step."""
        self._is_over = True

    def _listen(self, share: float, text: str) -> None:
        if self._is_over:
            raise LoadBroken("the run is over")
        self._news.put(LoadProgress(share, text))

    def _sides(self, environment: Mapping[str, str], undone: contextlib.ExitStack) -> dict[str, TimedService]:
        """Both services, each with companions of its own: nobody's answers wait for what the other asked for."""
        with ThreadPoolExecutor(2) as pool:
            starts = {
                LEARNER: pool.submit(self._start, lambda: self._session.staged, environment, LEARNER, undone),
                REFERENCE: pool.submit(self._start, self._staged_reference, environment, REFERENCE, undone),
            }
        reference = starts[REFERENCE].exception()
        if isinstance(reference, NotStarted):
            raise LoadBroken(f"the reference does not start: {reference}")
        return {side: start.result() for side, start in starts.items()}

    def _start(
        self, staged: Any, environment: Mapping[str, str], side: str, undone: contextlib.ExitStack
    ) -> TimedService:
        beside = self._session.beside(side, UNDER_LOAD)
        if side == LEARNER:
            # They outlive the measurement: a check asks them what they saw.
            self._session.load_companions = {name + UNDER_LOAD: each for name, each in beside.items()}
        else:
            for companion in beside.values():
                undone.callback(companion.close)
        environment = {**environment, **self._session.variables(beside)}
        service = self._session.runtime.launch_timed(staged(), environment, name=side + UNDER_LOAD, side=side)
        undone.callback(service.close)
        service.wait_ready(self._session.lab.service)
        return service

    def _staged_reference(self) -> Staged:
        if self._reference is None:
            lab, solution = self._session.lab, self._session.staged.solution
            assert lab.load is not None
            folder = lab.grader / "references" / solution.language.value
            if not folder.is_dir():
                folder = lab.grader / "references" / lab.load.reference
            if not folder.is_dir():
                raise EnvironmentProblem(f"The reference {folder} is missing.", "Use a whole pack.")
            staged = intake.stage(manifest.read(folder), self._work / "reference")
            if staged.digest == self._session.staged.digest:
                staged = self._session.staged  # the reference itself is tested; a build is remembered by content
            self._session.runtime.build(staged)
            self._reference = staged
        return self._reference


@dataclass(frozen=True, slots=True)
class _WithLoad:
    inner: Bench
    load: LoadOnce

    def call(self, action: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """As the inner one, and ``load``."""
        return self.load.tell() if action == "load" else self.inner.call(action, arguments)
