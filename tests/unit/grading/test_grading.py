"""The use case, on fakes of the rooms that it conducts: no process, no socket."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING

import pytest

from labrunner.errors import EnvironmentProblem
from labrunner.grading.grade import Grading, Order
from labrunner.grading.session import Rooms
from labrunner.model.event import CheckEnded, CheckStarted, Phase, PhaseStarted, RunEnded, RunStarted
from labrunner.model.lab import Language
from labrunner.model.outcome import Attempt, Failure, Sight
from labrunner.model.result import Fault, Result, Startup
from labrunner.model.solution import Solution
from labrunner.model.status import Reason, Status
from labrunner.ports import NotStarted, SuiteBroken
from labrunner.rules.fold import fold
from tests.builders import attempt, check, lab
from tests.fakes import FakeRuntime, FakeSuite, Try

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from labrunner.model.event import Event
    from labrunner.model.lab import Lab

    Script = Sight | Callable[[Try], Attempt]

A, B, C, D = check("one/a"), check("one/b", "one/a"), check("two/c", "one/a"), check("three/d")
LAB = lab(A, B, C, D)
GOOD: dict[str, Script] = {item.id: Sight.PASSED for item in LAB.checks}
SLOW = NotStarted(Startup(Reason.NOT_READY, Failure("ready", "not ready")), deadline=2.0)
CRASH = NotStarted(Startup(Reason.CRASHED, Failure("running", "it ended")))


class Run:
    """One run on fakes; the context is left before the events are looked at."""

    def __init__(self, tmp_path: Path, scripts: dict[str, Script], *, of: Lab = LAB, runtime: FakeRuntime | None = None,
                 broken: Exception | None = None, asked: tuple[str, ...] | None = None, jobs: int = 16,
                 stop_early: bool = False, start_tries: int = 3) -> None:  # fmt: skip
        self.runtime = runtime or FakeRuntime()
        self.suite = FakeSuite(scripts, broken)
        folder = tmp_path / "solution"
        folder.mkdir()
        (folder / "main.py").write_text("x")
        solution = Solution(folder, of.id, Language.PYTHON, ("python", "main.py"))
        ids = asked if asked is not None else tuple(item.id for item in of.checks)
        order = Order(of, solution, ids, "seed", ("l", "g"), jobs, stop_early, start_tries)
        self.events: list[Event] = list(Grading(order, Rooms(self.runtime, self.suite), tmp_path / "work").events())
        self.suite.close()  # for a check that still hangs
        self.result: Result = fold(self.events)

    @property
    def statuses(self) -> dict[str, Status]:
        return {item.id: item.status for item in self.result.checks}

    @property
    def told(self) -> list[str]:
        return [event.check.id for event in self.events if isinstance(event, CheckEnded)]


def test_a_run_goes_through_its_phases(tmp_path: Path) -> None:
    """Begun, built, started, checked, ended."""
    run = Run(tmp_path, GOOD)
    assert isinstance(run.events[0], RunStarted)
    assert [event.phase for event in run.events if isinstance(event, PhaseStarted)] == list(Phase)
    assert isinstance(run.events[-1], RunEnded)
    assert set(run.statuses.values()) == {Status.PASSED}
    assert run.result.notes == ("This is a fake.",)


def test_each_check_is_told_exactly_once(tmp_path: Path) -> None:
    """Whatever happens: no verdict is lost, none comes twice."""
    run = Run(tmp_path, GOOD | {"one/a": Sight.FAILED})
    assert sorted(run.told) == sorted(item.id for item in LAB.checks)


def test_what_a_failed_check_was_needed_for_is_blocked(tmp_path: Path) -> None:
    """And says by what; it is never run. What does not need it is."""
    run = Run(tmp_path, GOOD | {"one/a": Sight.FAILED})
    assert run.statuses == {"one/a": Status.FAILED, "one/b": Status.BLOCKED, "two/c": Status.BLOCKED,
                            "three/d": Status.PASSED}  # fmt: skip
    assert run.result.checks[1].outcome.blocked_by == ("one/a",)
    assert "one/b" not in run.suite.tries


def test_blocking_goes_on_through_a_chain(tmp_path: Path) -> None:
    """A check blocked by a blocked one."""
    chain = lab(check("s/a"), check("s/b", "s/a"), check("s/c", "s/b"))
    run = Run(tmp_path, {"s/a": Sight.FAILED, "s/b": Sight.PASSED, "s/c": Sight.PASSED}, of=chain)
    assert run.statuses["s/c"] is Status.BLOCKED
    assert run.result.checks[2].outcome.blocked_by == ("s/b",)


def test_only_what_is_asked_for_runs(tmp_path: Path) -> None:
    """The rest is skipped."""
    run = Run(tmp_path, GOOD, asked=("one/a", "one/b"))
    assert sorted(run.suite.tries) == ["one/a", "one/b"]
    assert run.statuses["two/c"] is Status.SKIPPED


def test_checks_that_only_wait_run_side_by_side(tmp_path: Path) -> None:
    """Three that wait for one another can only pass together."""
    barrier = threading.Barrier(3)

    def meet(_: Try) -> Attempt:
        barrier.wait(30)
        return attempt(Sight.PASSED)

    three = lab(check("s/a"), check("s/b"), check("s/c"))
    run = Run(tmp_path, {item.id: meet for item in three.checks}, of=three)
    assert set(run.statuses.values()) == {Status.PASSED}


def test_never_more_jobs_than_allowed(tmp_path: Path) -> None:
    """With one job nothing overlaps, and needs still come first."""
    run = Run(tmp_path, GOOD, jobs=1)
    spans = sorted(run.suite.spans, key=lambda span: span[1])
    assert all(earlier[2] <= later[1] for earlier, later in itertools.pairwise(spans))
    assert spans[0][0] == "one/a"


def test_no_check_starts_before_what_it_needs_has_passed(tmp_path: Path) -> None:
    """The order of starts and verdicts in the stream shows it."""
    run = Run(tmp_path, GOOD)
    seen: set[str] = set()
    for event in run.events:
        if isinstance(event, CheckStarted):
            assert seen.issuperset(event.check.needs)
        elif isinstance(event, CheckEnded):
            seen.add(event.check.id)


@pytest.mark.parametrize("sight, status", [(Sight.FAILED, Status.FAILED), (Sight.ERRORED, Status.ERRORED)])
def test_stop_early_shows_nothing_of_later_stages(tmp_path: Path, sight: Sight, status: Status) -> None:
    """`lab test` ends with the first stage that does not pass; that stage is told in full."""
    run = Run(tmp_path, GOOD | {"one/b": sight}, stop_early=True)
    assert run.statuses == {"one/a": Status.PASSED, "one/b": status, "two/c": Status.SKIPPED,
                            "three/d": Status.SKIPPED}  # fmt: skip


def test_stop_early_tells_stages_in_order_whoever_is_done_first(tmp_path: Path) -> None:
    """ADR 0003: stages run side by side, and their verdicts are held back until it is their turn."""
    gate = threading.Event()

    def last(_: Try) -> Attempt:
        gate.set()
        return attempt(Sight.PASSED)

    def first(_: Try) -> Attempt:
        assert gate.wait(30)
        return attempt(Sight.PASSED)

    two = lab(check("one/a"), check("two/b"))
    run = Run(tmp_path, {"one/a": first, "two/b": last}, of=two, stop_early=True)
    assert run.told == ["one/a", "two/b"]


def test_stop_early_does_not_wait_for_speculation(tmp_path: Path) -> None:
    """A later stage's check that hangs holds up nobody once an earlier stage has failed."""

    def hang(this: Try) -> Attempt:
        assert this.suite.closed.wait(30)
        return attempt(Sight.ERRORED)

    run = Run(tmp_path, {"one/a": Sight.FAILED, "two/b": hang}, of=lab(check("one/a"), check("two/b")), stop_early=True)
    assert run.statuses == {"one/a": Status.FAILED, "two/b": Status.SKIPPED}


def test_an_undecided_stage_does_not_stop_the_run(tmp_path: Path) -> None:
    """The machine's noise is no reason to show less."""
    run = Run(tmp_path, GOOD | {"one/b": Sight.UNDECIDED}, stop_early=True)
    assert run.statuses["one/b"] is Status.INCONCLUSIVE
    assert run.statuses["two/c"] is Status.PASSED


def test_a_deadline_convicts_in_the_third_try_with_a_healthy_witness(tmp_path: Path) -> None:
    """C-21, through all layers: three tries, each with other random choices."""
    numbers: list[int] = []

    def late(this: Try) -> Attempt:
        numbers.append(this.number)
        return attempt(Sight.EXCEEDED, deadline=1.0)

    run = Run(tmp_path, GOOD | {"three/d": late})
    assert run.statuses["three/d"] is Status.FAILED
    assert numbers == [0, 1, 2]


def test_a_deadline_on_a_stalled_machine_is_inconclusive(tmp_path: Path) -> None:
    """C-24: the same service, the same deadline, a witness that was slow too: no failure."""
    run = Run(tmp_path, GOOD | {"three/d": Sight.EXCEEDED}, runtime=FakeRuntime(delay=0.5))
    assert run.statuses["three/d"] is Status.INCONCLUSIVE


def test_a_failure_shows_the_services_log_of_that_moment(tmp_path: Path) -> None:
    """Evidence that a learner can act on."""
    run = Run(tmp_path, GOOD | {"one/b": Sight.FAILED})
    failure = run.result.checks[1].outcome.failure
    assert failure is not None
    assert failure.log == ("service says",)


# -- the service dies ---------------------------------------------------------------------------------------------


def test_a_crash_is_charged_to_the_check_that_causes_it(tmp_path: Path) -> None:
    """Every check that ran at that moment is tried again alone: the culprit fails, the others get a fair verdict."""
    together = threading.Barrier(3)
    runtime = FakeRuntime()

    def meet() -> None:
        # Only the first time: alone, nobody else comes.
        if not together.broken and runtime.services[0].starts == 1:
            together.wait(30)

    def killer(_: Try) -> Attempt:
        meet()
        runtime.services[0].die()
        return attempt(Sight.BROKEN)

    def victim(_: Try) -> Attempt:
        meet()
        if runtime.services[0].starts == 1:
            while runtime.services[0].epitaph() is None:
                threading.Event().wait(0.001)
            return attempt(Sight.BROKEN)
        return attempt(Sight.PASSED)

    three = lab(check("s/bystander"), check("s/killer"), check("s/other"))
    run = Run(tmp_path, {"s/bystander": victim, "s/killer": killer, "s/other": victim}, of=three, runtime=runtime)
    assert run.statuses == {"s/bystander": Status.PASSED, "s/killer": Status.FAILED, "s/other": Status.PASSED}
    outcome = run.result.checks[1].outcome
    assert outcome.reason is Reason.CRASHED
    assert outcome.failure is not None
    assert "exited with code 3" in outcome.failure.got


@pytest.mark.parametrize(
    "limit, words",
    [
        (Reason.OOM, "it ran into its limit of memory"),
        (Reason.PIDS, "it ran into its limit of threads and processes"),
        (Reason.DISK_FULL, "its disk is full"),
    ],
)
def test_a_crash_at_a_limit_is_told_as_that_limit(tmp_path: Path, limit: Reason, words: str) -> None:
    """Which limit it was says more than that the service ended."""
    runtime = FakeRuntime()

    def killer(_: Try) -> Attempt:
        runtime.services[0].starved_of = limit
        runtime.services[0].die()
        return attempt(Sight.BROKEN)

    run = Run(tmp_path, {"s/killer": killer}, of=lab(check("s/killer")), runtime=runtime)
    outcome = run.result.checks[0].outcome
    assert (outcome.status, outcome.reason) == (Status.LIMIT, limit)
    assert outcome.failure is not None
    assert outcome.failure.got == f"the service exited with code 3 while this check ran alone; {words}"


def test_a_service_that_always_dies_fails_everything_and_ends(tmp_path: Path) -> None:
    """No endless revival."""
    runtime = FakeRuntime()

    def killer(_: Try) -> Attempt:
        runtime.services[0].die()
        return attempt(Sight.BROKEN)

    many = lab(*(check(f"s/c{number}") for number in range(20)))
    run = Run(tmp_path, {item.id: killer for item in many.checks}, of=many, runtime=runtime, jobs=4)
    assert set(run.statuses.values()) == {Status.FAILED}
    assert {item.outcome.reason for item in run.result.checks} == {Reason.CRASHED}


def test_a_service_that_does_not_come_back_fails_what_is_left(tmp_path: Path) -> None:
    """With the reason for which it did not."""
    runtime = FakeRuntime()

    def killer(_: Try) -> Attempt:
        runtime.services[0].die()
        runtime.services[0].refusals = [CRASH] * 10
        return attempt(Sight.BROKEN)

    run = Run(
        tmp_path, {"s/a": killer, "s/b": Sight.PASSED}, of=lab(check("s/a"), check("s/b", "s/a")), runtime=runtime
    )
    assert run.statuses["s/a"] is Status.FAILED


# -- the service does not start -----------------------------------------------------------------------------------


@pytest.mark.parametrize("start_tries", [1, 3])
def test_not_ready_counts_only_after_so_many_starts(tmp_path: Path, start_tries: int) -> None:
    """ADR 0002: `lab test` says so after one, `lab grade` after three."""
    runtime = FakeRuntime(refusals=[SLOW] * 10)
    run = Run(tmp_path, GOOD, runtime=runtime, start_tries=start_tries)
    assert run.result.startup == SLOW.startup
    assert runtime.services[0].starts == start_tries
    assert {item.outcome.reason for item in run.result.checks} == {Reason.NOT_READY}


def test_a_slow_first_start_is_forgiven(tmp_path: Path) -> None:
    """Two starts too slow, the third in time: nothing has happened."""
    run = Run(tmp_path, GOOD, runtime=FakeRuntime(refusals=[SLOW, SLOW]))
    assert run.result.startup is None
    assert set(run.statuses.values()) == {Status.PASSED}


def test_not_ready_on_a_stalled_machine_is_the_machines_fault(tmp_path: Path) -> None:
    """Never the learner's: errored, null, exit code 4."""
    run = Run(tmp_path, GOOD, runtime=FakeRuntime(refusals=[SLOW] * 10, delay=1.0), start_tries=1)
    assert run.result.startup is None
    assert run.result.at_fault is Fault.ENVIRONMENT
    assert "too busy" in run.result.problem
    assert set(run.statuses.values()) == {Status.ERRORED}


def test_a_crash_at_the_start_counts_at_once(tmp_path: Path) -> None:
    """No deadline, so no witness and no repeat."""
    runtime = FakeRuntime(refusals=[CRASH] * 10)
    run = Run(tmp_path, GOOD, runtime=runtime)
    assert run.result.startup == CRASH.startup
    assert runtime.services[0].starts == 1


def test_a_failed_build_starts_nothing(tmp_path: Path) -> None:
    """BUILD_FAILED for everything that was asked for."""
    refusal = NotStarted(Startup(Reason.BUILD_FAILED, Failure("a build", "none")))
    run = Run(tmp_path, GOOD, runtime=FakeRuntime(build=refusal))
    assert run.runtime.services == []
    assert {item.outcome.reason for item in run.result.checks} == {Reason.BUILD_FAILED}


# -- the lab's or the machine's fault -----------------------------------------------------------------------------


def test_a_grader_that_cannot_be_loaded_is_the_labs_fault(tmp_path: Path) -> None:
    """No verdict on the learner."""
    run = Run(tmp_path, GOOD, broken=SuiteBroken("no module"))
    assert run.result.at_fault is Fault.LAB
    assert set(run.statuses.values()) == {Status.ERRORED}
    assert run.result.score.value is None


def test_a_check_that_the_grader_lacks_is_the_labs_fault(tmp_path: Path) -> None:
    """And it is named."""
    run = Run(tmp_path, {"one/a": Sight.PASSED, "one/b": Sight.PASSED, "three/d": Sight.PASSED})
    assert run.result.at_fault is Fault.LAB
    assert "two/c" in run.result.problem


def test_a_machine_that_cannot_is_told_with_what_to_do(tmp_path: Path) -> None:
    """In the result too."""
    run = Run(tmp_path, GOOD, runtime=FakeRuntime(build=EnvironmentProblem("No node.", "Install it.")))
    assert run.result.at_fault is Fault.ENVIRONMENT
    assert run.result.problem == "No node. Install it."


# -- what a check may ask for -------------------------------------------------------------------------------------


def test_a_checks_own_services_end_with_it(tmp_path: Path) -> None:
    """And the shared one is nobody's to hurt."""

    def own(this: Try) -> Attempt:
        (told,) = this.bench.call("start", {"envs": [{"A": "1"}]})["started"]
        for action in ("pause", "heal", "kill", "restart"):
            this.bench.call(action, {"service": told["name"]})
        with pytest.raises(LookupError, match="only what the check itself started"):
            this.bench.call("kill", {"service": "service"})
        with pytest.raises(LookupError, match="nobody can"):
            this.bench.call("explode", {"service": told["name"]})
        return attempt(Sight.PASSED)

    run = Run(tmp_path, GOOD | {"three/d": own})
    assert run.statuses["three/d"] is Status.PASSED
    assert run.runtime.services[1].calls[:6] == ["pause", "resume", "kill", "start_again", "close"]


def test_a_check_may_not_start_services_without_end(tmp_path: Path) -> None:
    """A grader's mistake must not eat the machine."""

    def greedy(this: Try) -> Attempt:
        for _ in range(8):
            this.bench.call("start", {"envs": [{}]})
        with pytest.raises(LookupError, match="not more"):
            this.bench.call("start", {"envs": [{}]})
        return attempt(Sight.PASSED)

    run = Run(tmp_path, GOOD | {"three/d": greedy})
    assert run.statuses["three/d"] is Status.PASSED
    assert len(run.runtime.services) == 9
