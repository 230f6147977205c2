"""Measurements of the load generator, for `bench.py` and `load_evidence.py`. Every figure is a ratio of one run."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from labrunner.loadtest.generator import Generator
from labrunner.loadtest.measure import LocustLoadTest
from labrunner.loadtest.shipped import BOOT
from labrunner.model.load import LoadSpec
from labrunner.ports import LoadOrder
from labrunner.rules.ratio import percentile
from labrunner.runtimes.process.cpus import shares
from labrunner.runtimes.process.runtime import ProcessRuntime
from labrunner.solution import intake, manifest
from labrunner.solution.places import cache_folder
from labrunner.suites.suite import PytestSuite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from labrunner.model.lab import Lab
    from labrunner.model.load import LoadReport
    from labrunner.model.solution import Staged
    from labrunner.ports import Runtime, TimedService
    from labrunner.runtimes.process.service import ProcessService

ROOT = Path(__file__).resolve().parent.parent
GRADER = ROOT / "graders" / "rate-limiting"
CALLER = """
from labrunner.loadtest.user import RawUser, Request, get

class Caller(RawUser):
    @classmethod
    def plan(cls, environment, rng, agent):
        request = Request("healthz", 0, get("/healthz", agent))
        while True:
            yield request

    @classmethod
    def read(cls, request, status, body):
        return 0
"""
CONNECTIONS = 20
FREEZE, CYCLE = 0.5, 3.0


@dataclass(frozen=True)
class Rig:
    """A runtime with the lab's load environment."""

    lab: Lab
    runtime: Runtime
    work: Path
    environment: dict[str, str]
    staged: dict[str, Staged] = field(default_factory=dict)

    def stage(self, folder: Path, name: str) -> Staged:
        """A solution, copied and built."""
        staged = intake.stage(manifest.read(folder), self.work / name)
        staged = self.staged.setdefault(staged.digest, staged)  # a build is remembered by content
        self.runtime.build(staged)
        return staged

    def measure(self, learner: Staged, reference: Staged, seed: str) -> LoadReport:
        """One verdict, as in a grade."""
        assert self.lab.load is not None
        room = LocustLoadTest()
        source = (GRADER / "load.py").read_text(encoding="utf-8")
        order = LoadOrder(self.lab.load, source, self.environment, seed, self.work / "trace.json")
        started: list[TimedService] = []

        def sides() -> Mapping[str, TimedService]:
            for side, staged in (("learner", learner), ("reference", reference)):
                started.append(self.runtime.launch_timed(staged, self.environment, name=side, side=side))
            for service in started:
                service.wait_ready(self.lab.service)
            return dict(zip(("learner", "reference"), started, strict=True))

        pipe = self.runtime.generator(room.boot)
        try:
            return room.measure(order, pipe, sides, lambda share, text: None)
        finally:
            pipe.close()
            for service in started:
                service.close()


@contextlib.contextmanager
def rig(lab: Lab, seed: str, runtime_name: str) -> Iterator[Rig]:
    """Everything that measurements need; gone at the exit."""
    with tempfile.TemporaryDirectory(prefix="lab-load-evidence-") as folder, contextlib.ExitStack() as stack:
        work = Path(folder)
        work.chmod(0o755)
        suite = PytestSuite(lab.grader, seed, work / "suite", with_checks=False)
        stack.callback(suite.close)
        runtime: Runtime
        if runtime_name == "docker":
            from labrunner.runtimes.docker.runtime import DockerRuntime

            runtime = DockerRuntime()
        else:
            runtime = ProcessRuntime(cache_folder(), work)
        stack.callback(runtime.close)
        yield Rig(lab, runtime, work, suite.load_environment())


@contextlib.contextmanager
def hogs(count: int) -> Iterator[None]:
    """So many processes that do nothing but use a CPU."""
    started = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


@contextlib.contextmanager
def _go_service(lab: Lab) -> Iterator[tuple[ProcessService, Generator, Path]]:
    """The fastest reference, and a generator; each on CPUs of its own."""
    with rig(lab, "bench", "process") as made:
        staged = made.stage(GRADER / "references" / "go", "go")
        runtime = made.runtime
        assert isinstance(runtime, ProcessRuntime)
        pipe = runtime.generator(BOOT)
        service = runtime.launch_timed(staged, made.environment, name="go", side="learner")
        service.wait_ready(lab.service)
        generator = Generator(pipe)
        spec = LoadSpec(0.5, 4.0, 25.0, 0.2, CONNECTIONS, "go")
        order = LoadOrder(spec, CALLER, {}, "bench", made.work / "trace.json")
        generator.prepare(order, {"learner": service.inner}, "lab/1")
        yield service, generator, made.work


def generator_against_wrk(lab: Lab, rounds: int = 5, seconds: float = 1.0) -> tuple[float, float] | None:
    """Median microseconds of CPU time per request: our generator's, and wrk's; None where there is no wrk.

    Both ask the same service over as many connections, in turns, on the same CPUs.
    """
    wrk = shutil.which("wrk")
    if wrk is None:
        return None
    ours: list[float] = []
    theirs: list[float] = []
    with _go_service(lab) as (service, generator, _):
        host, port = service.inner
        argv = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}", f"http://{host}:{port}/healthz"]
        cpus = shares()[1]
        for _ in range(rounds):
            told = generator.raw_window("learner", seconds)
            ours.append(told["generator_cpu"] / told["requests"] * 1e6)
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            done = subprocess.run(
                argv, check=True, capture_output=True, text=True,
                preexec_fn=(lambda: os.sched_setaffinity(0, cpus)) if cpus else None,
            )  # fmt: skip
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            requests = re.search(r"(\d+) requests in", done.stdout)
            assert requests is not None
            theirs.append(used / int(requests[1]) * 1e6)
    return statistics.median(ours), statistics.median(theirs)


def frozen_p99(lab: Lab, cycles: int = 2, rate: float = 500.0) -> tuple[float, float]:
    """The 99th percentile of the open schedule when the service is stopped for 0.5 s in every 3 s, and what it must be.

    By arithmetic: a sixth of the requests are due while it is stopped, and wait for the rest of that, up to 0.5 s.
    """
    with _go_service(lab) as (service, generator, _):
        over = threading.Event()

        def freeze() -> None:
            began = time.monotonic() + 0.01
            for cycle in range(cycles):
                _sleep_until(began + cycle * CYCLE + 1.0)
                service.pause()
                _sleep_until(began + cycle * CYCLE + 1.0 + FREEZE)
                service.resume()
            over.set()

        thread = threading.Thread(target=freeze)
        thread.start()
        told = generator.raw_schedule("learner", rate, cycles * CYCLE)
        thread.join()
    share_over = 0.01 / (FREEZE / CYCLE)
    return percentile(told["latencies"], 0.99), FREEZE * (1 - share_over)


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def copy_with(folder: Path, target: Path, change: Callable[[str, str], str]) -> Path:
    """A copy of a solution, each of its text files changed by ``change(name, text)``."""
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    for path in target.iterdir():
        if path.is_file():
            path.write_text(change(path.name, path.read_text(encoding="utf-8")), encoding="utf-8")
    return target
