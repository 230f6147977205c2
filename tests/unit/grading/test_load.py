"""The load stage, on fakes: measured once, last, alone, beside the reference."""

from __future__ import annotations

import dataclasses
import itertools
import json
import shutil
from typing import TYPE_CHECKING, Any, cast

from labrunner.grading.grade import Grading, Order
from labrunner.grading.session import Rooms
from labrunner.model.event import CheckEnded, LoadMeasured, LoadProgress
from labrunner.model.lab import CompanionGroup, Language
from labrunner.model.load import Call, Comparison, LoadReport, LoadSpec, Measure, SideFigures
from labrunner.model.outcome import Attempt, Failure, Sight
from labrunner.model.result import Startup
from labrunner.model.solution import Solution
from labrunner.model.status import Reason, Status
from labrunner.ports import LoadBroken, LoadOrder, NotStarted
from labrunner.rules.fold import fold
from tests.builders import attempt, check, lab
from tests.fakes import FakeRuntime, FakeService, FakeSuite, Try

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from labrunner.model.solution import Staged
    from labrunner.ports import Companion, CompanionKind, Pipe, TimedService

SPEC = LoadSpec(0.4, 4.0, 25.0, 0.2, 8, "python")
FIGURES = SideFigures(1000.0, 100.0, 1.0, 2.0, 0.0)
CAPACITY = Comparison(Call.PASSED, Measure.THROUGHPUT, 0.4, 1.0, 0.9, 1.1, 0.95, 1.05, 5, 0)
REPORT = LoadReport(CAPACITY, None, FIGURES, FIGURES, 25.0, 200.0, 5000, 0, 5.0)


class FakeLoadTest:
    """Measures nothing; starts both sides and says what it is told to say."""

    boot = "boot"

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault = fault
        self.measured = 0
        self.paused: list[bool] = []
        self.sides: dict[str, Any] = {}

    def measure(self, order: LoadOrder, pipe: Pipe, sides: Callable[[], Mapping[str, TimedService]],
                listener: Callable[[float, str], None]) -> LoadReport:  # fmt: skip
        self.measured += 1
        self.sides = dict(sides())
        listener(0.5, "half of it")
        if self.fault:
            raise self.fault
        return REPORT


def _asks(this: Try) -> Attempt:
    try:
        this.bench.call("load", {})
    except NotStarted as refusal:
        sight = Sight.FAILED if refusal.deadline is None else Sight.EXCEEDED
        return attempt(sight, deadline=1.0)
    except LoadBroken:
        return attempt(Sight.ERRORED)
    return attempt(Sight.PASSED)


class Run:
    """A run of a lab with a functional stage and a load stage of two checks."""

    def __init__(self, tmp_path: Path, room: FakeLoadTest, first: Any = Sight.PASSED, *, stop_early: bool = False,
                 runtime: FakeRuntime | None = None, is_reference: bool = False, asks: Callable[[Try], Attempt] = _asks,
                 companions: tuple[str, ...] = ()) -> None:  # fmt: skip
        self.room = room
        self.runtime = runtime or FakeRuntime()
        grader = tmp_path / "grader"
        (grader / "references" / "python").mkdir(parents=True)
        (grader / "load.py").write_text("")
        manifest = 'lab = "tiny"\nlanguage = "python"\nrun = ["python", "main.py"]\n'
        (grader / "references" / "python" / "solution.toml").write_text(manifest)
        (grader / "references" / "python" / "main.py").write_text("")
        of = lab(check("one/a"), check("one/b"), check("load/x"), check("load/y"))
        groups = (CompanionGroup("BRANCHES", (("north", "ledger"), ("south", "ledger"))),) if companions else ()
        service = dataclasses.replace(
            of.service, companions=companions, shared_companions=companions, companion_groups=groups
        )
        of = dataclasses.replace(of, grader=grader, load=SPEC, service=service)
        scripts = {"one/a": first, "one/b": Sight.PASSED, "load/x": asks, "load/y": asks}
        self.suite = FakeSuite(scripts)
        folder = tmp_path / "solution"
        if is_reference:
            shutil.copytree(grader / "references" / "python", folder)
        else:
            folder.mkdir()
            (folder / "main.py").write_text("x")
        solution = Solution(folder, of.id, Language.PYTHON, ("python", "main.py"))
        order = Order(of, solution, tuple(item.id for item in of.checks), "seed", ("l", "g"), 16, stop_early)
        work = tmp_path / "work"
        work.mkdir()
        rooms = Rooms(self.runtime, self.suite, Ledgers() if companions else None, load=room)
        self.events = list(Grading(order, rooms, work).events())
        self.result = fold(self.events)

    @property
    def statuses(self) -> dict[str, Status]:
        return {item.id: item.status for item in self.result.checks}


def test_load_is_measured_once_for_all_checks(tmp_path: Path) -> None:
    """Two checks ask, one measurement is made; it is in the result and on the progress line before the verdicts."""
    run = Run(tmp_path, FakeLoadTest())
    assert set(run.statuses.values()) == {Status.PASSED}
    assert run.room.measured == 1
    assert run.result.load == REPORT
    kinds = [type(event) for event in run.events]
    assert kinds.index(LoadProgress) < kinds.index(LoadMeasured)
    ended = [i for i, event in enumerate(run.events) if isinstance(event, CheckEnded) and event.check.id == "load/x"]
    assert kinds.index(LoadMeasured) < ended[0]


def test_load_runs_last_and_alone(tmp_path: Path) -> None:
    """No functional check runs while load is measured."""
    run = Run(tmp_path, FakeLoadTest())
    spans = {name: (began, ended) for name, began, ended in run.suite.spans}
    for other, load in itertools.product(("one/a", "one/b"), ("load/x", "load/y")):
        assert spans[other][1] <= spans[load][0]


def test_both_sides_are_started_and_ended(tmp_path: Path) -> None:
    """The learner's service on its side, the reference on another; the shared service is stopped meanwhile."""
    run = Run(tmp_path, FakeLoadTest())
    assert set(run.room.sides) == {"learner", "reference"}
    assert all("close" in service.calls for service in run.room.sides.values())
    shared = next(service for service in run.runtime.services if service.name == "service")
    assert shared.calls.count("pause") == shared.calls.count("resume") == 1
    assert all(pipe.closed for pipe in run.runtime.pipes)


def test_a_service_that_dies_under_load_fails_each_check_once(tmp_path: Path) -> None:
    """A crash is evidence: every check of the stage fails by it, and nothing is measured again."""
    crash = NotStarted(Startup(Reason.CRASHED, Failure("running", "it ended")))
    run = Run(tmp_path, FakeLoadTest(crash))
    assert run.statuses["load/x"] is run.statuses["load/y"] is Status.FAILED
    assert run.room.measured == 1


def test_a_missed_deadline_is_measured_again(tmp_path: Path) -> None:
    """That the service was not ready in time once proves nothing."""
    slow = NotStarted(Startup(Reason.NOT_READY, Failure("ready", "not ready")), deadline=2.0)
    run = Run(tmp_path, FakeLoadTest(slow))
    assert run.room.measured >= 3


def test_a_broken_generator_is_not_the_learners_fault(tmp_path: Path) -> None:
    """It makes the checks errored."""
    run = Run(tmp_path, FakeLoadTest(LoadBroken("no Locust")))
    assert run.statuses["load/x"] is Status.ERRORED


def test_load_is_not_measured_after_a_failed_stage(tmp_path: Path) -> None:
    """`lab test` shows the first stage that does not pass; load would only cost time."""
    run = Run(tmp_path, FakeLoadTest(), Sight.FAILED, stop_early=True)
    assert run.room.measured == 0
    assert run.statuses["load/x"] is Status.SKIPPED


def test_the_reference_is_compared_with_itself_from_one_copy(tmp_path: Path) -> None:
    """When the reference is what is tested: a build is remembered by content, so a second copy would lack its own."""
    room = FakeLoadTest()
    run = Run(tmp_path, room, is_reference=True)
    staged = {service.staged.path for service in run.runtime.services if service.name.endswith("-under-load")}
    assert len(staged) == 1


class FakeLedger(FakeService):
    """A companion; its variable names it."""

    def wait_ready(self, spec: object = None) -> float:
        return 0.0


class LedgerRuntime(FakeRuntime):
    """Runs companions, too, and remembers what services were told."""

    def __init__(self) -> None:
        super().__init__()
        self.companions: dict[str, FakeLedger] = {}
        self.told: dict[str, Mapping[str, str]] = {}

    def companion(self, kind: CompanionKind, *, name: str, side: str | None = None) -> Companion:
        made = FakeLedger(f"{name} of {side}")
        self.companions[made.name] = made
        return cast("Companion", made)

    def launch_timed(self, staged: Staged, environment: Mapping[str, str], *, name: str, side: str) -> FakeService:
        self.told[side] = environment
        return super().launch_timed(staged, environment, name=name, side=side)


class Ledgers:
    """Satisfies `labrunner.ports.Companions`."""

    def kind(self, name: str, settings: Mapping[str, Any]) -> Any:
        return name

    def variable(self, name: str) -> str:
        return f"{name.upper()}_URL"

    def proxy(self, target: tuple[str, int], behind: object, ready: str) -> Any:
        raise NotImplementedError


def test_each_side_has_companions_of_its_own(tmp_path: Path) -> None:
    """What the reference asks for is nowhere in what the learner's ledger saw, which a check may ask afterwards."""
    runtime = LedgerRuntime()
    told: list[dict[str, Any]] = []

    def asks(this: Try) -> Attempt:
        told.append(this.bench.call("load", {}))
        return attempt(Sight.PASSED)

    run = Run(tmp_path, FakeLoadTest(), runtime=runtime, asks=asks, companions=("ledger",))
    assert set(run.statuses.values()) == {Status.PASSED}
    learners, references = (runtime.companions[f"ledger-under-load of {side}"] for side in ("learner", "reference"))
    assert runtime.told["learner"]["LEDGER_URL"] == learners.url != references.url
    assert runtime.told["reference"]["LEDGER_URL"] == references.url
    assert told[0]["companions"]["ledger"]["name"] == "ledger-under-load"
    assert told[0]["companions"]["ledger"]["url"] == learners.url
    assert "close" in references.calls
    branches = {name: runtime.companions[f"{name}-under-load of learner"].url for name in ("north", "south")}
    assert json.loads(runtime.told["learner"]["BRANCHES"]) == branches
