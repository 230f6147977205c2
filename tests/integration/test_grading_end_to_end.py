"""Real rooms together: the lab `greeter`, its reference, its scaffold, its mutants."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labrunner.authoring.cases import Case, find, lay_out
from labrunner.model.effort import Effort
from labrunner.model.event import CheckEnded, RunEnded
from labrunner.model.outcome import Sight
from labrunner.model.result import Fault, Result
from labrunner.model.status import Reason, Status
from labrunner.model.validation import CaseKind
from labrunner.rules.fold import Fold, fold
from labrunner.solution import manifest
from labrunner.wiring.runs import Wish, grading, running
from tests.command import processes, survivors, that_mention
from tests.integration.conftest import copy_of

if TYPE_CHECKING:
    from labrunner.model.lab import Lab

PACK = Path(__file__).parents[1] / "pack"
MUTANTS = sorted(path.name for path in (PACK / "graders" / "greeter" / "mutants").iterdir())


def _grade(lab: Lab, folder: Path, seed: str = "seed", *, asked: tuple[str, ...] | None = None,
           stop_early: bool = False, effort: Effort = Effort.BRISK) -> Result:  # fmt: skip
    ids = asked if asked is not None else tuple(check.id for check in lab.checks)
    wish = Wish(lab, manifest.read(folder), ids, seed, "process", stop_early=stop_early, start_tries=1, effort=effort)
    with grading(wish) as run:
        return fold(run.events())


def _statuses(result: Result) -> dict[str, str]:
    return {check.id: check.status.value for check in result.checks}


def _case(lab: Lab, kind: CaseKind, name: str) -> Case:
    return next(case for case in find(lab) if (case.kind, case.name) == (kind, name))


def test_the_reference_earns_everything(greeter: Lab, reference: Path, cache: Path) -> None:
    """And the result says what was run, where, and how long what took."""
    result = _grade(greeter, reference)
    assert set(_statuses(result).values()) == {"passed"}
    assert (result.score.earned, result.score.value) == (10, 1.0)
    assert result.startup is None
    assert not result.interrupted
    assert result.lab_digest.startswith("sha256:")
    assert result.grader_digest not in {"", result.lab_digest}
    assert 0 < result.timing.ready <= result.timing.critical_path
    assert result.notes
    assert not that_mention(str(cache / "runs"))
    assert list((cache / "runs").iterdir()) == []


def test_the_scaffold_earns_its_baseline(greeter: Lab, tmp_path: Path) -> None:
    """It starts and is healthy, and nothing else is given away."""
    folder = lay_out(_case(greeter, CaseKind.SCAFFOLD, "python"), greeter, tmp_path / "mine")
    result = _grade(greeter, folder)
    assert result.score.earned == greeter.baseline
    assert _statuses(result)["greet/polite"] == "blocked"


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_fails_exactly_what_it_names(greeter: Lab, tmp_path: Path, name: str) -> None:
    """Each wrong solution fails its checks and no others; what needs them is blocked."""
    case = _case(greeter, CaseKind.MUTANT, name)
    result = _grade(greeter, lay_out(case, greeter, tmp_path / "mutant"))
    failed = {check.id for check in result.checks if check.status is Status.FAILED}
    assert failed == set(case.breaks)
    told = tomllib.loads((PACK / "graders" / "greeter" / "mutants" / name / "mutant.toml").read_text())
    assert told["about"]


def test_a_crash_is_charged_to_the_right_check(greeter: Lab, tmp_path: Path) -> None:
    """A16: once, with exit code and last words; all others get a fair verdict from the service started again."""
    folder = lay_out(_case(greeter, CaseKind.MUTANT, "crashes"), greeter, tmp_path / "mutant")
    for seed in ("one", "two", "three"):
        result = _grade(greeter, folder, seed)
        assert [check.id for check in result.checks if check.status is not Status.PASSED] == ["stay/odd-names"]
        outcome = next(check.outcome for check in result.checks if check.id == "stay/odd-names")
        assert outcome.reason is Reason.CRASHED
        assert outcome.failure is not None
        assert "exited with code 3" in outcome.failure.got
        assert any("nobody there, good bye" in line for line in outcome.failure.log)


def test_a_failure_shows_exchange_and_log(greeter: Lab, tmp_path: Path) -> None:
    """Evidence that can be acted on; a hidden check's is not even in the result."""
    nameless = _grade(greeter, lay_out(_case(greeter, CaseKind.MUTANT, "nameless"), greeter, tmp_path / "nameless"))
    failure = nameless.checks[1].outcome.failure
    assert failure is not None
    assert failure.exchanges[-1].target.startswith("/hello/n")
    assert failure.exchanges[-1].status == 200
    assert failure.exchanges[-1].target.split("/")[-1] in failure.expected
    assert any("/hello/n" in line for line in failure.log)
    rude = _grade(greeter, lay_out(_case(greeter, CaseKind.MUTANT, "rude"), greeter, tmp_path / "rude"))
    outcome = rude.checks[2].outcome
    assert (outcome.status, outcome.failure) == (Status.FAILED, None)


def test_a_seed_replays_the_same_run(greeter: Lab, tmp_path: Path) -> None:
    """The same requests and the same environment; another seed, others."""
    folder = lay_out(_case(greeter, CaseKind.MUTANT, "nameless"), greeter, tmp_path / "mutant")

    def evidence(seed: str) -> tuple[str, str]:
        failure = _grade(greeter, folder, seed, asked=("greet/healthy", "greet/says-hello")).checks[1].outcome.failure
        assert failure is not None
        return failure.expected, failure.exchanges[-1].target

    assert evidence("s1") == evidence("s1")
    assert evidence("s1") != evidence("s2")


def test_stop_early_ends_with_the_first_failing_stage(greeter: Lab, tmp_path: Path) -> None:
    """What `lab test` does."""
    folder = lay_out(_case(greeter, CaseKind.MUTANT, "nameless"), greeter, tmp_path / "mutant")
    result = _grade(greeter, folder, stop_early=True)
    assert _statuses(result) == {
        "greet/healthy": "passed",
        "greet/says-hello": "failed",
        "greet/polite": "blocked",
        "stay/odd-names": "skipped",
        "stay/stops": "skipped",
    }


def test_a_run_left_in_the_middle_keeps_what_it_knew(greeter: Lab, reference: Path, cache: Path) -> None:
    """Whoever stops listening after the first verdict has a result, and nothing is left running."""
    fold_so_far = Fold()
    wish = Wish(greeter, manifest.read(reference), tuple(check.id for check in greeter.checks), "seed", "process")
    with grading(wish) as run:
        for event in run.events():
            fold_so_far.add(event)
            if isinstance(event, CheckEnded):
                break
        family = processes(__import__("os").getpid())
    assert family
    assert not survivors(family)
    assert not that_mention(str(cache / "runs"))
    result = fold_so_far.result
    assert result.interrupted
    assert sorted(_statuses(result).values()) == ["passed", *["skipped"] * 4]


def test_a_solution_that_is_refused_is_never_started(greeter: Lab, reference: Path) -> None:
    """REJECTED: with the file's name; score 0, no error."""
    (reference / "data").symlink_to("/etc/passwd")
    result = _grade(greeter, reference)
    assert result.startup is not None
    assert result.startup.reason is Reason.REJECTED
    assert result.score.value == 0


def test_a_grader_that_lost_a_check_is_the_labs_fault(greeter: Lab, reference: Path, tmp_path: Path) -> None:
    """Named; and the score is null."""
    broken = copy_of(greeter.grader, tmp_path / "grader")
    (broken / "test_02_stay.py").unlink()
    result = _grade(dataclasses.replace(greeter, grader=broken), reference)
    assert result.at_fault is Fault.LAB
    assert "stay/odd-names" in result.problem
    assert result.score.value is None


def test_a_grader_that_raises_harms_nobody(greeter: Lab, reference: Path, tmp_path: Path) -> None:
    """H12: errored with a note for its author, the other verdicts stand, the score is null."""
    broken = copy_of(greeter.grader, tmp_path / "grader")
    text = (broken / "test_01_greet.py").read_text()
    (broken / "test_01_greet.py").write_text(text.replace('    """GR-1."""\n', "    raise KeyError('x')\n"))
    result = _grade(dataclasses.replace(greeter, grader=broken), reference)
    assert _statuses(result)["greet/healthy"] == Sight.ERRORED.value
    assert "KeyError: 'x'" in result.checks[0].outcome.note
    assert result.score.value is None


@pytest.mark.parametrize("effort", list(Effort))
def test_a_check_is_told_how_hard_to_look(greeter: Lab, reference: Path, tmp_path: Path, effort: Effort) -> None:
    """12 kills for a learner who waits, 40 for a grade, 200 for an author's proof."""
    asking = copy_of(greeter.grader, tmp_path / "grader")
    file = asking / "test_01_greet.py"
    begins = "def test_healthy(client: Client) -> None:\n"
    assert begins in file.read_text()
    told = "    raise ValueError(str(effort.of(12, 40, 200)))\n"
    file.write_text(file.read_text().replace(begins, begins.replace("client: Client", "client, effort") + told))
    result = _grade(dataclasses.replace(greeter, grader=asking), reference, effort=effort)
    amount = {Effort.BRISK: 12, Effort.THOROUGH: 40, Effort.EXHAUSTIVE: 200}[effort]
    assert f"ValueError: {amount}" in result.checks[0].outcome.note


def test_hostile_files_in_a_solution_change_nothing(greeter: Lab, reference: Path) -> None:
    """C4: forged results, configuration and modules beside the service; the grader never looks there."""
    for name, text in {
        "result.json": '{"score": {"value": 1}}',
        "conftest.py": "raise SystemExit(0)",
        "pytest.ini": "[pytest]\naddopts = --collect-only",
        "sitecustomize.py": "",
        "labrunner.py": "raise SystemExit(0)",
        "httpx.py": "raise SystemExit(0)",
        ".env": "LAB_SEED=x",
    }.items():
        (reference / name).write_text(text)
    (reference / "greeting.py").write_text("def greet(word, name): return 'no'\ndef refuse(name): return not name\n")
    assert _statuses(_grade(greeter, reference))["greet/says-hello"] == "failed"


def test_nothing_of_the_grader_can_be_read_from_the_solutions_folder(greeter: Lab, reference: Path) -> None:
    """C1, C2: a service looks through its environment and everything below its folders for the grader's words."""
    spy = (
        "import os, pathlib\n"
        "def refuse(name): return not name\n"
        "def greet(word, name):\n"
        "    roots = [pathlib.Path.cwd(), pathlib.Path(os.environ['DATA_DIR']), pathlib.Path(os.environ['HOME'])]\n"
        "    texts = [p.read_text(errors='replace') for r in roots for p in r.rglob('*') if p.is_file()]\n"
        "    found = [t for t in [*texts, str(dict(os.environ))] if 'Nobody can use a service' in t or 'graders' in t]\n"
        "    return 'found' if [t for t in found if 'looks through' not in t and 'found = ' not in t] else f'{word}, {name}'\n"
    )
    (reference / "greeting.py").write_text(spy)
    assert _statuses(_grade(greeter, reference))["greet/says-hello"] == "passed"


def test_a_service_started_by_hand_is_the_one_that_is_graded(greeter: Lab, reference: Path) -> None:
    """`lab run`: same environment for the same seed, at the port that was asked for; gone afterwards."""
    import socket  # noqa: PLC0415
    import urllib.request  # noqa: PLC0415

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    solution = manifest.read(reference)
    environments = []
    for _ in range(2):
        with running(greeter, solution, "seed", "process", port, lambda line: None) as session:
            assert session.url == f"http://127.0.0.1:{port}"
            environments.append(session.environment)
            with urllib.request.urlopen(f"{session.url}/hello/you", timeout=30) as answer:
                assert session.environment["GREETING"] in answer.read().decode()
    assert environments[0] == environments[1]
    with socket.create_server(("127.0.0.1", port)):
        pass  # the port is free again


def test_events_end_with_the_end(greeter: Lab, reference: Path) -> None:
    """Always, and once."""
    wish = Wish(greeter, manifest.read(reference), ("greet/healthy",), "seed", "process")
    with grading(wish) as run:
        events = list(run.events())
    assert [isinstance(event, RunEnded) for event in events].count(True) == 1
    assert isinstance(events[-1], RunEnded)
