"""Graders in their children: whatever a check does stays there, and is told for what it is."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from labrunner.faults.patient import NotBack
from labrunner.model.outcome import Attempt, Failure, Sight
from labrunner.model.result import Startup
from labrunner.model.status import Reason
from labrunner.ports import NotStarted, SuiteBroken
from labrunner.suites.kept import KeptGrader
from labrunner.suites.suite import PytestSuite
from tests.command import processes, survivors, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

SERVICE = {"name": "service", "url": "http://127.0.0.1:9", "env": {"WORD": "hello"}}

CHECKS = """
import os, random, socket, subprocess, sys, threading, time
from labrunner.checks import Client, Services, fail, undecided, wait

ANSWER = type("Shown", (), {"exchange": None})

def test_passes(): pass
def test_raises(): raise KeyError("x")
def test_raises_surrogates(): raise ValueError("\\ud800")
def test_asserts(): assert 1 + 1 == 3
def test_exits(): sys.exit(0)
def test_dies(): os._exit(0)
def test_killed(): os.kill(os.getpid(), 9)
def test_interrupts(): raise KeyboardInterrupt
def test_prints():
    print("to standard output"); print("\\x1b[2J", file=sys.stderr); os.write(1, b"raw")
def test_fails(): fail(expected="this\\ud800", got="that", why="because")
def test_undecided(): undecided("too wide")
def test_waits(): wait(0.05)
def test_draws(rng): fail(expected="", got=str(rng.random()), why="")
def test_agent(service): fail(expected="", got=service.user_agent, why="")
def test_environment(service): fail(expected="", got=service.env["WORD"] + service.url, why="")
def test_surroundings():
    fail(expected="", got=repr((sorted(os.environ), os.getcwd(), sys.flags.isolated, sys.path[0])), why="")
def test_starts(services: Services): services.start()
def test_sleeps():
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    time.sleep(600)
def test_refused(client: Client): client.get("/")
"""


class Bench:
    """Answers what a check asks for from a function."""

    def __init__(self, answer: Callable[[str, Mapping[str, Any]], dict[str, Any]]) -> None:
        self._answer = answer

    def call(self, action: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return self._answer(action, arguments)


def _nothing(action: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    raise LookupError("nothing is served here")


def _grader(folder: Path, **files: str) -> Path:
    folder.mkdir()
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder


class Suites:
    """Opens suites, and closes them at the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.opened: list[PytestSuite] = []

    def open(self, grader: Path, seed: str = "seed", **options: Any) -> PytestSuite:
        work = self._folder / f"work-{len(self.opened)}"
        suite = PytestSuite(grader, seed, work, **options)
        self.opened.append(suite)
        return suite


@pytest.fixture
def suites(tmp_path: Path) -> Iterator[Suites]:
    """Each with a folder of its own."""
    found = Suites(tmp_path)
    yield found
    for suite in found.opened:
        suite.close()


@pytest.fixture
def suite(suites: Suites, tmp_path: Path) -> PytestSuite:
    """One whose checks misbehave in every way."""
    suite = suites.open(_grader(tmp_path / "grader", test_01_stage_one=CHECKS))
    suite.checks()
    return suite


def _run(suite: PytestSuite, check: str, attempt: int = 0, bench: Bench | None = None) -> Attempt:
    return suite.run(f"stage-one/{check}", attempt=attempt, service=SERVICE, bench=bench or Bench(_nothing))


def _got(attempt: Attempt) -> str:
    assert attempt.failure is not None, attempt
    return attempt.failure.got


def test_checks_are_named_by_file_and_function(suite: PytestSuite) -> None:
    """`test_01_stage_one.py::test_raises` is ``stage-one/raises``."""
    assert "stage-one/raises" in suite.checks()
    assert "stage-one/raises-surrogates" in suite.checks()


def test_only_the_files_of_the_stages_that_are_asked_for_are_loaded(suites: Suites, tmp_path: Path) -> None:
    """`lab test first` waits for one file, and another stage's mistake is not in its way."""
    grader = _grader(
        tmp_path / "grader", test_01_first="def test_a(): pass", test_02_second_one="import no_such_module"
    )
    assert suites.open(grader, stages=("first",)).checks() == ("first/a",)
    with pytest.raises(SuiteBroken, match="no_such_module"):
        suites.open(grader, stages=("second-one",)).checks()
    with pytest.raises(SuiteBroken, match="no_such_module"):
        suites.open(grader).checks()


@pytest.mark.parametrize(
    "check, sight, note",
    [
        ("passes", Sight.PASSED, ""),
        ("raises", Sight.ERRORED, "KeyError: 'x'"),
        ("raises-surrogates", Sight.ERRORED, r"ValueError: \ud800"),
        ("asserts", Sight.ERRORED, "AssertionError"),
        ("exits", Sight.ERRORED, "SystemExit"),
        ("dies", Sight.ERRORED, "died without a verdict"),
        ("killed", Sight.ERRORED, "died without a verdict"),
        ("interrupts", Sight.ERRORED, ""),
        ("prints", Sight.PASSED, ""),
        ("undecided", Sight.UNDECIDED, "too wide"),
    ],
)
def test_each_end_of_a_check_is_seen_for_what_it_is(suite: PytestSuite, check: str, sight: Sight, note: str) -> None:
    """H12: a grader's own bug is errored, with its traceback for the author; it never passes, never fails anybody."""
    attempt = _run(suite, check)
    assert attempt.sight is sight
    assert note in attempt.note
    assert attempt.failure is None


def test_a_failure_comes_with_its_words(suite: PytestSuite) -> None:
    """Expected, got and why; what cannot be stored is escaped, so that a lone surrogate does not save a solution."""
    attempt = _run(suite, "fails")
    assert attempt.sight is Sight.FAILED
    assert attempt.reason is Reason.MISMATCH
    assert attempt.failure == Failure(r"this\ud800", "that", "because")


def test_a_crash_of_one_check_leaves_the_others_alone(suite: PytestSuite) -> None:
    """Each runs in a fork of its own, before and after."""
    for _ in range(3):
        assert _run(suite, "dies").sight is Sight.ERRORED
        assert _run(suite, "passes").sight is Sight.PASSED


def test_many_at_once(suite: PytestSuite) -> None:
    """Forty tries side by side, each with its own answer."""
    with ThreadPoolExecutor(40) as pool:
        rows = list(pool.map(lambda number: _run(suite, "draws", attempt=number), range(40)))
    assert len({_got(row) for row in rows}) == 40


def test_a_seed_replays_the_same_choices(suites: Suites, tmp_path: Path) -> None:
    """C10: and another seed, check or try makes others."""
    grader = _grader(tmp_path / "grader", test_01_stage_one=CHECKS)
    first, again, other = suites.open(grader, "s1"), suites.open(grader, "s1"), suites.open(grader, "s2")
    for each in (first, again, other):
        each.checks()
    assert _got(_run(first, "draws")) == _got(_run(again, "draws"))
    assert _got(_run(first, "draws", attempt=1)) == _got(_run(again, "draws", attempt=1))
    assert len({_got(_run(first, "draws")), _got(_run(first, "draws", 1)), _got(_run(other, "draws"))}) == 3
    assert _got(_run(first, "agent")) == _got(_run(again, "agent"))


def test_declared_waits_are_counted(suite: PytestSuite) -> None:
    """They are the critical path, which no runner can shorten."""
    assert _run(suite, "waits").waited == pytest.approx(0.05, abs=0.005)


def test_a_check_knows_the_shared_service(suite: PytestSuite) -> None:
    """Its address and its variables."""
    assert _got(_run(suite, "environment")) == "hellohttp://127.0.0.1:9"


def test_a_check_sees_nothing_of_the_surroundings(suite: PytestSuite, monkeypatch: pytest.MonkeyPatch) -> None:
    """C4: an isolated interpreter, a folder of its own, no variable of ours."""
    environ, folder, isolated, path = eval(_got(_run(suite, "surroundings")))
    assert set(environ) <= {"PATH", "HOME", "LANG", "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "TMPDIR", "LC_CTYPE",
                            "PYTEST_CURRENT_TEST", "PYTEST_VERSION"}  # fmt: skip
    assert folder.endswith("work-0")
    assert isolated == 1
    assert path.endswith("grader")


def test_configuration_around_a_grader_has_no_say(suites: Suites, tmp_path: Path) -> None:
    """C4: pytest.ini, conftest.py and modules that lie above the grader are not even read."""
    for name, text in {"pytest.ini": "[pytest]\naddopts = --no-such-option\n", "conftest.py": "raise SystemExit(3)",
                       "httpx.py": "raise SystemExit(3)", "pyproject.toml": "]broken["}.items():  # fmt: skip
        (tmp_path / name).write_text(text)
    suite = suites.open(_grader(tmp_path / "grader", test_01_stage_one=CHECKS))
    suite.checks()
    assert _run(suite, "passes").sight is Sight.PASSED


def test_what_a_check_asks_for_is_carried_out(suite: PytestSuite) -> None:
    """By the runner, with the shared service's variables."""
    asked: list[tuple[str, Mapping[str, Any]]] = []

    def answer(action: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        asked.append((action, arguments))
        return {"started": [{"name": "own-1", "url": "http://127.0.0.1:9", "ready": 0.1, "within": 5.0}]}

    assert _run(suite, "starts", bench=Bench(answer)).sight is Sight.PASSED
    assert asked == [("start", {"envs": [{"WORD": "hello"}], "behind_proxy": False})]


@pytest.mark.parametrize("deadline, sight", [(None, Sight.FAILED), (2.0, Sight.EXCEEDED)])
def test_an_own_service_that_does_not_start_is_the_solutions(
    suite: PytestSuite, deadline: float | None, sight: Sight
) -> None:
    """With its reason; where only a deadline passed it is a try, not yet a failure."""

    def answer(action: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        raise NotStarted(Startup(Reason.NOT_READY, Failure("ready", "not ready", "", log=("a line",))), deadline)

    attempt = _run(suite, "starts", bench=Bench(answer))
    assert (attempt.sight, attempt.reason) == (sight, Reason.NOT_READY)
    assert attempt.failure == Failure("ready", "not ready", "", log=("a line",))


def test_a_companion_that_does_not_come_back_decides_nothing(suite: PytestSuite) -> None:
    """The machine is too busy to tell anything of anybody (C-24)."""

    def answer(action: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        raise NotBack("redis-1", 20.0)

    attempt = _run(suite, "starts", bench=Bench(answer))
    assert (attempt.sight, attempt.note) == (Sight.UNDECIDED, "'redis-1' was healed, but answered nothing for 20 s")


def test_what_the_runner_cannot_do_is_not_the_learners(suite: PytestSuite) -> None:
    """A refused wish is the grader's mistake."""
    attempt = _run(suite, "starts")
    assert attempt.sight is Sight.ERRORED
    assert "nothing is served here" in attempt.note


def test_a_refused_connection_is_a_broken_try(suite: PytestSuite) -> None:
    """Whether the service died is for the runner to find out."""
    attempt = _run(suite, "refused")
    assert (attempt.sight, attempt.reason) == (Sight.BROKEN, Reason.PROTOCOL_ERROR)
    assert attempt.exchanges == 1


def test_closing_ends_every_process_of_a_suite(suite: PytestSuite) -> None:
    """A check under way, and what it started, too; its try is errored, not lost."""
    told: list[Attempt] = []
    thread = threading.Thread(target=lambda: told.append(_run(suite, "sleeps")))
    thread.start()
    until(lambda: len(processes(os.getpid())) >= 3, "the suite's child, its fork, and what that started")
    family = processes(os.getpid())
    suite.close()
    suite.close()
    thread.join(30)
    until(lambda: not survivors(family), "the end of the suite's processes")
    assert told[0].sight is Sight.ERRORED
    assert _run(suite, "passes").sight is Sight.ERRORED


@pytest.mark.parametrize(
    "files, says",
    [
        ({"test_01_a": "def test_x(: pass"}, "SyntaxError"),
        ({"test_01_a": "import no_such_module\ndef test_x(): pass"}, "no_such_module"),
        ({"test_01_a": "raise SystemExit(0)"}, "test_01_a.py:1: SystemExit: 0"),
    ],
    ids=["syntax", "import", "exit"],
)
def test_a_grader_that_cannot_be_loaded_is_broken(
    suites: Suites, tmp_path: Path, files: dict[str, str], says: str
) -> None:
    """The lab's fault, with what its author needs to know."""
    suite = suites.open(_grader(tmp_path / "grader", **files))
    with pytest.raises(SuiteBroken) as caught:
        suite.checks()
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "text, says",
    [
        ("raise ValueError('odd')", "odd"),
        ("x = 1", "environment"),
        ("import os; os._exit(3)", "died"),
        ("import sys; sys.exit()", "environment.py:1: SystemExit"),
    ],
)
def test_an_environment_that_cannot_be_chosen_is_broken(suites: Suites, tmp_path: Path, text: str, says: str) -> None:
    """Also where the process dies while loading."""
    suite = suites.open(_grader(tmp_path / "grader", environment=text, test_01_a="def test_x(): pass"))
    with pytest.raises(SuiteBroken) as caught:
        suite.environment()
    assert says in str(caught.value)


def test_the_environment_follows_the_seed(suites: Suites, tmp_path: Path) -> None:
    """The same in `lab test` and in `lab run`, which wants the environment only."""
    text = "def environment(rng): return {'N': rng.random()}"
    grader = _grader(tmp_path / "grader", environment=text, test_01_a="def test_x(): pass")
    with_checks = suites.open(grader, "s1").environment()
    assert with_checks == suites.open(grader, "s1", with_checks=False).environment()
    assert with_checks != suites.open(grader, "s2", with_checks=False).environment()
    assert isinstance(with_checks["N"], str)


def test_a_grader_without_an_environment_chooses_nothing(suites: Suites, tmp_path: Path) -> None:
    """It is optional."""
    assert suites.open(_grader(tmp_path / "grader", test_01_a="def test_x(): pass")).environment() == {}


def test_a_kept_grader_serves_many_runs(suites: Suites, tmp_path: Path) -> None:
    """Loaded once; each run has a seed, an environment and a folder of its own, as if it had been loaded for it."""
    text = "def environment(rng): return {'N': rng.random()}"
    grader = _grader(tmp_path / "grader", environment=text, test_01_stage_one=CHECKS)
    kept, alone = KeptGrader((grader,), tmp_path / "kept"), suites.open(grader, "s1")
    try:
        assert "stage-one/passes" in kept.checks
        first, second = suites.open(grader, "s1", kept=kept), suites.open(grader, "s2", kept=kept)
        assert first.environment() == alone.environment() != second.environment()
        assert first.checks() == alone.checks()
        assert _got(_run(first, "draws")) == _got(_run(alone, "draws")) != _got(_run(second, "draws"))
        assert _got(_run(first, "surroundings")).count("work-1") == 1
        first.close()
        assert _run(first, "passes").sight is Sight.ERRORED
        assert _run(second, "passes").sight is Sight.PASSED
    finally:
        alone.close()
        family = processes(os.getpid())
        kept.close()
    until(lambda: not survivors(family), "the end of the kept grader and of its forks")


def test_a_kept_grader_that_cannot_be_loaded_is_broken(tmp_path: Path) -> None:
    """In its first line: where, and what."""
    grader = _grader(tmp_path / "grader", test_01_a="x = 1\nimport no_such_module\n")
    with pytest.raises(SuiteBroken) as caught:
        KeptGrader((grader,), tmp_path / "kept")
    first = str(caught.value).splitlines()[0]
    assert first == "graders/grader/test_01_a.py:2: ModuleNotFoundError: No module named 'no_such_module'"


def test_what_a_check_prints_is_told_to_its_author(suite: PytestSuite) -> None:
    """Escaped and cut short; it goes nowhere else."""
    attempt = _run(suite, "prints")
    assert all(part in attempt.printed for part in ("raw", r"\x1b[2J", "to standard output"))
    assert _run(suite, "passes").printed == ""


def test_a_check_that_says_nothing_hangs(suites: Suites, tmp_path: Path) -> None:
    """It is ended, and errored."""
    suite = suites.open(_grader(tmp_path / "grader", test_01_stage_one=CHECKS), patience=0.3)
    suite.checks()
    attempt = _run(suite, "sleeps")
    assert attempt.sight is Sight.ERRORED
    assert "the check hung" in attempt.note


def test_an_error_names_the_graders_line(suite: PytestSuite) -> None:
    """Not one of ours or of pytest's."""
    assert "the check raised KeyError: 'x' (graders/grader/test_01_stage_one.py:" in _run(suite, "raises").note
