"""What is run against which solution, and how often."""

from __future__ import annotations

from pathlib import Path

import pytest

from labrunner.authoring.cases import Case
from labrunner.authoring.wanted import ACCEPTED_TURNS, LOAD_TURNS, Mode, Wanted
from labrunner.model.effort import Effort
from labrunner.model.validation import CaseKind
from tests.builders import check, lab

NOWHERE = Path("/nowhere")
LAB = lab(check("a/x"), check("a/y", "a/x"), check("b/z"), check("load/right", "a/y"), check("load/capacity", "a/y"))
REFERENCE = Case(CaseKind.REFERENCE, "python", NOWHERE)
OTHER = Case(CaseKind.REFERENCE, "go", NOWHERE)
SCAFFOLD = Case(CaseKind.SCAFFOLD, "python", NOWHERE)


def _mutant(name: str, *breaks: str, caught: float | None = None) -> Case:
    return Case(CaseKind.MUTANT, name, NOWHERE, breaks=breaks, caught=caught)


def _wanted(mode: Mode, mutants: int | None = None, only: tuple[str, ...] = ()) -> Wanted:
    return Wanted(mode, "process", runs=3, jobs=1, seed="s", commit="c", mutants=mutants, only=only)


def test_what_measures_is_run_apart() -> None:
    """First everything else, then the checks under load with what they need."""
    wanted = _wanted(Mode.USUAL)
    assert wanted.asked(LAB, REFERENCE) == ("a/x", "a/y", "b/z")
    assert wanted.measured(LAB, REFERENCE) == ("a/x", "a/y", "load/right", "load/capacity")
    assert wanted.measured(LAB, OTHER) == wanted.measured(LAB, REFERENCE)


def test_a_scaffold_is_asked_everything_at_once() -> None:
    """It never gets as far as being measured."""
    assert len(_wanted(Mode.QUICK).asked(LAB, SCAFFOLD)) == 5
    assert _wanted(Mode.FULL).measured(LAB, SCAFFOLD) == ()


def test_a_mutant_is_measured_only_for_what_it_names() -> None:
    """And is still asked all the rest."""
    slow = _mutant("slow", "load/capacity")
    assert _wanted(Mode.USUAL).asked(LAB, slow) == ("a/x", "a/y", "b/z")
    assert _wanted(Mode.USUAL).measured(LAB, slow) == ("a/x", "a/y", "load/capacity")
    assert _wanted(Mode.USUAL).measured(LAB, _mutant("m", "b/z")) == ()


def test_a_quick_validation_measures_one_reference_and_one_mutant() -> None:
    """Those whose turn it is; of other mutants none is left out."""
    wanted = _wanted(Mode.QUICK)
    assert wanted.measured(LAB, REFERENCE)
    assert wanted.measured(LAB, OTHER) == ()
    slow = [_mutant(f"slow-{number}", "load/capacity") for number in range(6)]
    plain = [_mutant(f"plain-{number}", "a/x") for number in range(4)]
    chosen = [case.name for case in wanted.chosen([*slow, *plain])]
    assert sum(name.startswith("slow") for name in chosen) == LOAD_TURNS
    assert sum(name.startswith("plain") for name in chosen) == 4


@pytest.mark.parametrize("mode", list(Mode))
def test_what_is_asked_for_by_name_is_run(mode: Mode) -> None:
    """Turns or not."""
    cases = [_mutant(f"slow-{number}", "load/capacity") for number in range(6)]
    wanted = _wanted(mode, mutants=0, only=("mutant/slow-3",))
    assert [case.name for case in wanted.chosen(cases)] == ["slow-3"]


def test_correct_solutions_have_their_turns_too() -> None:
    """The reference in the first language in each, the others by the commit's hash; a scaffold is none of them."""
    others = [OTHER, *(Case(CaseKind.ACCEPTED, f"other-{number}", NOWHERE) for number in range(5))]
    seen = set()
    for commit in map(str, range(30)):
        wanted = Wanted(Mode.QUICK, "process", runs=1, jobs=1, seed="s", commit=commit, correct=3)
        chosen = wanted.chosen([SCAFFOLD, REFERENCE, *others])
        assert [case.id for case in chosen[:2]] == [SCAFFOLD.id, REFERENCE.id]
        assert len(chosen) == 4
        seen |= {case.id for case in chosen[2:]}
    assert seen == {case.id for case in others}


def test_a_quick_validation_takes_some_accepted_solutions_and_every_reference() -> None:
    """Over the commits each of them; a usual one takes all."""
    accepted = [Case(CaseKind.ACCEPTED, f"other-{number}", NOWHERE) for number in range(5)]
    cases = [REFERENCE, OTHER, *accepted]
    seen = set()
    for commit in map(str, range(30)):
        chosen = Wanted(Mode.QUICK, "process", runs=1, jobs=1, seed="s", commit=commit).chosen(cases)
        assert [case.id for case in chosen[:2]] == [REFERENCE.id, OTHER.id]
        assert len(chosen) == 2 + ACCEPTED_TURNS
        seen |= {case.id for case in chosen[2:]}
    assert seen == {case.id for case in accepted}
    assert _wanted(Mode.USUAL).chosen(cases) == cases


def test_a_quick_validation_asks_no_check_that_would_be_blocked() -> None:
    """What needs a check that the mutant fails proves nothing; a usual one runs it, to see that it is blocked."""
    mutant = _mutant("m", "a/x")
    for commit in map(str, range(10)):
        quick = Wanted(Mode.QUICK, "process", runs=1, jobs=1, seed="s", commit=commit)
        assert quick.asked(LAB, mutant) == ("a/x", "b/z")
    assert _wanted(Mode.USUAL).asked(LAB, mutant) == ("a/x", "a/y", "b/z")


def test_how_often() -> None:
    """Correct ones as asked for, mutants once, races until their share can be judged."""
    wanted = _wanted(Mode.USUAL)
    assert [wanted.times(case) for case in (REFERENCE, SCAFFOLD, _mutant("m", "a/x"))] == [3, 1, 1]
    assert [wanted.times(_mutant("m", "a/x", caught=share)) for share in (0.9, 0.5)] == [5, 10]
    assert wanted.again(LAB, REFERENCE) == wanted.asked(LAB, REFERENCE)
    assert wanted.again(LAB, _mutant("m", "a/y", caught=0.9)) == ("a/x", "a/y")


def test_a_runs_seed_is_short_and_its_own() -> None:
    """It can be typed, and no two runs share one."""
    wanted = _wanted(Mode.USUAL)
    seeds = {wanted.run_seed(case, number) for case in (REFERENCE, OTHER) for number in range(5)}
    assert len(seeds) == 10
    assert all(len(seed) == 12 for seed in seeds)


def test_only_a_full_validation_looks_exhaustively() -> None:
    """At what must pass; the line that repeats a run says so. A mutant is found by what learners get, or not at all."""
    mutant = _mutant("m", "a/x")
    efforts = {mode: [_wanted(mode).effort(case) for case in (REFERENCE, mutant)] for mode in Mode}
    brisk = [Effort.BRISK, Effort.BRISK]
    assert efforts == {Mode.QUICK: brisk, Mode.USUAL: brisk, Mode.FULL: [Effort.EXHAUSTIVE, Effort.BRISK]}
    lines = [_wanted(Mode.FULL).foreground(LAB, case, "a/x", "s") for case in (REFERENCE, mutant)]
    assert ["--full" in line for line in lines] == [True, False]
