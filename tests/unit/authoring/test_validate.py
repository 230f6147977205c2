"""The rules of a validation, with grades that are made up: what is refused, and in which words."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from labrunner.authoring.validate import validate
from labrunner.authoring.wanted import Mode, Wanted
from labrunner.catalog import manifest
from labrunner.errors import EnvironmentProblem
from labrunner.model.event import CheckEnded, RunEnded, StartFailed
from labrunner.model.outcome import Failure, Outcome
from labrunner.model.result import Fault, Startup
from labrunner.model.status import Reason, Status
from labrunner.model.validation import CaseReport, LabReport, Mark
from labrunner.rules.fold import fold
from tests.builders import started

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from labrunner.model.effort import Effort
    from labrunner.model.event import Event
    from labrunner.model.lab import Lab
    from labrunner.model.result import Result
    from labrunner.model.solution import Solution

    Verdicts = dict[str, Outcome]

PASSED, FAILED = Outcome(Status.PASSED, margin=0.1), Outcome(Status.FAILED, Reason.MISMATCH, Failure("a", "b", "c"))
UNDECIDED = Outcome(Status.INCONCLUSIVE)
RUDE = {"greet/polite": FAILED}


@pytest.fixture
def lab(pack: Path, tmp_path: Path) -> Lab:
    """The greeter with one mutant, `rude`, and a copy of its files that may be changed."""
    for tree in ("labs", "graders", "scaffolds"):
        shutil.copytree(pack / tree, tmp_path / "pack" / tree)
    mutants = tmp_path / "pack" / "graders" / "greeter" / "mutants"
    for path in mutants.iterdir():
        if path.name != "rude":
            shutil.rmtree(path)
    rude = mutants / "rude" / "mutant.toml"
    rude.write_text(rude.read_text() + "\n")
    return manifest.read(tmp_path / "pack", "pack", "greeter")


class Grades:
    """What each kind of solution gets: by default the reference passes, the scaffold earns a point, `rude` is caught."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.asked: list[tuple[str, tuple[str, ...], str]] = []
        self.scaffold: Verdicts = {check.id: FAILED for check in lab.checks if check.id != "greet/healthy"}
        self.reference: Verdicts = {}
        self.mutant: list[Verdicts] = [RUDE]
        self.instead: Event | None = None

    def __call__(self, solution: Solution, seed: str, asked: tuple[str, ...], effort: Effort) -> Result:
        text = (solution.path / "main.py").read_text()
        is_mutant = (solution.path / "greeting.py").is_file() and "!" in (solution.path / "greeting.py").read_text()
        kind = "mutant" if is_mutant else "reference" if "greeting" in text else "scaffold"
        self.asked.append((kind, asked, seed))
        events: list[Event] = [started(self.lab, asked)]
        if self.instead is not None and kind != "scaffold":
            return fold(
                [*events, self.instead] if isinstance(self.instead, RunEnded) else [*events, self.instead, RunEnded(1)]
            )
        verdicts = {"scaffold": self.scaffold, "reference": self.reference}.get(kind)
        if verdicts is None:
            verdicts = self.mutant.pop(0) if len(self.mutant) > 1 else self.mutant[0]
        events += [CheckEnded(check, verdicts.get(check.id, PASSED)) for check in self.lab.checks if check.id in asked]
        return fold([*events, RunEnded(1.0)])


@pytest.fixture
def grades(lab: Lab) -> Grades:
    """Made up."""
    return Grades(lab)


def _wanted(mode: Mode = Mode.USUAL, **changes: object) -> Wanted:
    given: dict[str, object] = {"runs": 2, "jobs": 1, "seed": "s", "commit": "c0ffee", **changes}
    return Wanted(mode, "process", **given)  # type: ignore[arg-type]


def _report(lab: Lab, grades: Callable[..., Result], wanted: Wanted | None = None,
            kept: dict[str, CaseReport] | None = None) -> LabReport:  # fmt: skip
    held = tuple(check.id for check in lab.checks)
    *_, last = validate(lab, held, grades, wanted or _wanted(), kept or {})
    assert isinstance(last, LabReport)
    return last


def _told(report: LabReport) -> str:
    return "\n".join(f"{problem.text} >> {problem.next}" for section in report.sections for problem in section.problems)


def _mutant(lab: Lab, *lines: str) -> None:
    path = lab.grader / "mutants" / "rude" / "mutant.toml"
    path.write_text("\n".join(['about = "Shouts."', 'breaks = ["greet/polite"]', *lines]) + "\n")


def test_what_is_right_has_no_problem_but_checks_without_a_mutant(lab: Lab, grades: Grades) -> None:
    """Four of the greeter's five checks have lost their mutants, and each is named with what to write."""
    report = _report(lab, grades)
    told = _told(report)
    assert told.count("no mutant fails it") == 4
    assert len(told.splitlines()) == 4
    assert 'breaks = ["stay/stops"]' in told


def test_correct_solutions_are_graded_again_and_again_with_other_seeds(lab: Lab, grades: Grades) -> None:
    """N runs, N seeds; scaffold and mutant once."""
    _report(lab, grades, _wanted(runs=3))
    kinds = [kind for kind, _, _ in grades.asked]
    assert (kinds.count("reference"), kinds.count("scaffold"), kinds.count("mutant")) == (3, 1, 1)
    assert len({seed for _, _, seed in grades.asked}) == 5


def test_a_reference_that_fails_is_told_with_evidence_and_the_line_that_shows_it(lab: Lab, grades: Grades) -> None:
    """Expected, got, and the foreground way with the run's seed."""
    grades.reference = {"stay/stops": FAILED}
    told = _told(_report(lab, grades))
    assert "reference/python must pass everything, but stay/stops failed (MISMATCH): expected a, got b" in told
    assert "lab validate pack:greeter --case reference/python --check stay/stops --seed s33d --runtime process" in told


@pytest.mark.parametrize(
    "verdicts, says",
    [
        ({}, "mutant/rude: greet/polite must fail it, but is passed."),
        ({"greet/polite": UNDECIDED}, "greet/polite must fail it, but is inconclusive."),
        (
            {"greet/polite": Outcome(Status.BLOCKED, blocked_by=("greet/says-hello",))},
            "greet/polite must fail it, but is blocked by greet/says-hello.",
        ),
        ({**RUDE, "stay/stops": FAILED}, "an unexpected kill: stay/stops failed (MISMATCH): expected a, got b"),
        ({**RUDE, "stay/stops": Outcome(Status.ERRORED, note="the check raised X (graders/g/t.py:3)\nTraceback")},
         "mutant/rude: stay/stops errored: the check raised X (graders/g/t.py:3) >>"),
        ({**RUDE, "stay/stops": Outcome(Status.PASSED, printed="\\xff")}, "stay/stops writes to its output: '\\\\xff'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_mutant_is_told(lab: Lab, grades: Grades, verdicts: Verdicts, says: str) -> None:
    """An inconclusive one is not caught; what fails it beside the named is an unexpected kill, with its evidence."""
    grades.mutant = [verdicts]
    assert says in _told(_report(lab, grades))


def test_an_undecided_mutant_is_tried_again(lab: Lab, grades: Grades) -> None:
    """Undecided is no evidence, neither way; caught afterwards, it is caught."""
    grades.mutant = [{"greet/polite": UNDECIDED}, RUDE]
    report = _report(lab, grades)
    assert "mutant/rude" not in _told(report)
    assert next(case for case in report.cases if case.name == "rude").marks["greet/polite"] is Mark.CAUGHT


def test_what_may_break_may(lab: Lab, grades: Grades) -> None:
    """With a reason."""
    _mutant(lab, "[may_break]", '"stay/stops" = "It is so loud."')
    grades.mutant = [{**RUDE, "stay/stops": FAILED}]
    assert "mutant/rude" not in _told(_report(lab, grades))
    _mutant(lab, "[may_break]", '"stay/stops" = ""')
    told = _told(_report(lab, grades))
    assert "mutants/rude/mutant.toml:4: 'stay/stops' must be the reason, in a sentence" in told


def test_a_race_is_judged_by_its_share(lab: Lab, grades: Grades) -> None:
    """At least five runs; the further ones ask only the checks that it names and what they need."""
    _mutant(lab, "caught = 0.9")
    grades.mutant = [{}, {}, {}, RUDE]
    report = _report(lab, grades)
    assert "mutant/rude" not in _told(report)
    race = next(case for case in report.cases if case.name == "rude")
    assert (race.runs, race.shares["greet/polite"].caught, race.shares["greet/polite"].runs) == (5, 2, 5)
    of_mutant = [asked for kind, asked, _ in grades.asked if kind == "mutant"]
    assert of_mutant[1:] == [("greet/healthy", "greet/says-hello", "greet/polite")] * 4
    grades.mutant = [{}, {}, {}, {}, RUDE]
    assert "greet/polite catches it in 1 of 5 runs; were its share 0.9" in _told(_report(lab, grades))


@pytest.mark.parametrize("share", ["1.0", "0", "nan", '"half"', "true"])
def test_a_share_is_a_share(lab: Lab, grades: Grades, share: str) -> None:
    """What is always caught is no race."""
    _mutant(lab, f"caught = {share}")
    assert "mutant.toml:3: 'caught' must be a number from 0.05 to 0.999" in _told(_report(lab, grades))


def test_the_scaffold_earns_exactly_the_baseline(lab: Lab, grades: Grades) -> None:
    """Not more, and what it passed is named."""
    grades.scaffold = {}
    told = _told(_report(lab, grades))
    assert "scaffold/python earns 10 points, not the baseline of 1 (passed: greet/healthy, greet/says-hello" in told


@pytest.mark.parametrize("expected, got", [("no KeyError", "b"), ("a", "Traceback (most recent call last)")])
def test_a_failure_of_the_scaffold_reads_as_no_crash_of_ours(lab: Lab, grades: Grades, expected: str, got: str) -> None:
    """A beginner must not be told of our exceptions."""
    grades.scaffold["stay/stops"] = Outcome(Status.FAILED, Reason.MISMATCH, Failure(expected, got, ""))
    assert "the failure of stay/stops reads as a crash of the grader" in _told(_report(lab, grades))


@pytest.mark.parametrize(
    "reason, says",
    [
        (Reason.BUILD_FAILED, "mutant/rude does not build: no. a / b"),
        (Reason.CRASHED, "mutant/rude does not start: no."),
    ],
)
def test_a_solution_that_does_not_build_or_start_is_named(lab: Lab, grades: Grades, reason: Reason, says: str) -> None:
    """With the last lines of what was written, and where to look."""
    grades.instead = StartFailed(Startup(reason, Failure("", "no", "", log=("a", "b"))))
    told = _told(_report(lab, grades))
    assert says in told
    assert "mutants/rude; `lab validate pack:greeter --case mutant/rude`" in told


def test_a_machine_that_cannot_is_not_the_labs_fault(lab: Lab, grades: Grades) -> None:
    """It is told apart, and kept from the lab's problems."""
    grades.instead = RunEnded(1.0, problem="No room.", at_fault=Fault.ENVIRONMENT)
    report = _report(lab, grades)
    assert report.hindered == ("No room.",)
    assert "No room" not in _told(report)


def test_what_the_machine_could_not_do_once_ends_no_validation(lab: Lab, grades: Grades) -> None:
    """Its solution is told apart, and all others are graded; but where nothing can be graded, that is said at once."""
    done: list[str] = []

    def grade(solution: Solution, seed: str, asked: tuple[str, ...], effort: Effort) -> Result:
        result = grades(solution, seed, asked, effort)
        done.append(grades.asked[-1][0])
        if done[-1] == "mutant":
            raise EnvironmentProblem("A network stays.")
        return result

    report = _report(lab, grade)
    assert report.hindered == ("A network stays.",)
    assert done.count("reference") == 2
    assert "A network stays" not in _told(report)

    def nothing(*_: object) -> Result:
        raise EnvironmentProblem("No engine.")

    with pytest.raises(EnvironmentProblem, match="No engine"):
        _report(lab, nothing)


def test_a_quick_validation_asks_mutants_what_they_name_and_a_tenth_of_the_others(lab: Lab, grades: Grades) -> None:
    """Chosen by the commit, so that it can be repeated; over many commits every other check has its turn."""
    seen: set[str] = set()
    for number in range(60):
        grades.asked.clear()
        _report(lab, grades, _wanted(Mode.QUICK, runs=1, commit=f"c{number}"))
        ((_, asked, _),) = [each for each in grades.asked if each[0] == "mutant"]
        assert {"greet/polite", "greet/says-hello", "greet/healthy"} <= set(asked)
        assert len(asked) <= 5 - 1
        seen |= set(asked)
    assert seen == {check.id for check in lab.checks}


def test_mutants_by_turns(lab: Lab, grades: Grades) -> None:
    """None of one, and the row says so."""
    report = _report(lab, grades, _wanted(mutants=0))
    assert not any(kind == "mutant" for kind, _, _ in grades.asked)
    (row,) = [section for section in report.sections if section.name == "mutants"]
    assert "0 of 0 as they should be (of 1, by turns)" in row.facts


def test_what_is_known_is_not_graded_again(lab: Lab, grades: Grades) -> None:
    """`--resume`: reports of an earlier validation stand."""
    first = _report(lab, grades)
    grades.asked.clear()
    again = _report(lab, grades, kept={case.id: case for case in first.cases if case.name != "rude"})
    assert [kind for kind, _, _ in grades.asked] == ["mutant"]
    assert [case.id for case in again.cases] == [case.id for case in first.cases]


def test_the_closest_margins_are_named(lab: Lab, grades: Grades) -> None:
    """Three in the table, all in the JSON."""
    grades.reference = {check.id: Outcome(Status.PASSED, margin=number / 10) for number, check in enumerate(lab.checks)}
    report = _report(lab, grades)
    (row,) = [section for section in report.sections if section.name == "margin"]
    assert row.facts == "closest to a deadline: stay/stops 40%, stay/odd-names 30%, greet/polite 20%"
    reference = next(case for case in report.cases if case.kind == "reference")
    assert reference.margins["greet/says-hello"] == pytest.approx(0.1)


def test_inconclusive_and_unknown_are_bounded(lab: Lab, grades: Grades) -> None:
    """C-26: refused where a rate within the bound is next to impossible."""
    grades.reference = {check.id: Outcome(Status.INCONCLUSIVE, histories=10, unknown=3) for check in lab.checks}
    told = _told(_report(lab, grades))
    assert "More than 1 in 20 verdicts on correct solutions are inconclusive." in told
    assert "More than 1 in 100 histories are unknown." in told


def test_checks_that_do_not_exist_keep_solutions_from_being_graded(lab: Lab, grades: Grades) -> None:
    """Every run would say the same; the manifest's line and the function's are told."""
    *_, report = validate(lab, ("greet/healthy", "greet/extra"), grades, _wanted(), {})
    assert isinstance(report, LabReport)
    assert not grades.asked
    told = _told(report)
    assert "labs/greeter/lab.toml:29: there is no check 'greet/says-hello' in graders/greeter." in told
    assert "def test_says_hello(...) in graders/greeter/test_01_greet.py" in told
    assert "labs/greeter/lab.toml does not name the check 'greet/extra'" in told
