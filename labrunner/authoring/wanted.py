"""What an author asked `lab validate` for, and what follows for one solution: which checks, how often, which seeds."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from labrunner.model.effort import Effort
from labrunner.model.lab import LOAD_STAGE, is_load
from labrunner.model.validation import CORRECT, CaseKind
from labrunner.rules.plan import with_needs
from labrunner.rules.proportion import runs_to_judge
from labrunner.rules.turns import tenth, turns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labrunner.authoring.cases import Case
    from labrunner.model.lab import Lab

LOAD_TURNS = 1
"""Mutants that only load can catch take ten seconds each, one at a time: a quick validation takes so many, by turns."""
ACCEPTED_TURNS = 2
"""Of the accepted solutions, each of which is asked everything: a quick validation takes so many, by turns."""


class Mode(enum.StrEnum):
    """How much is run."""

    QUICK = "quick"
    USUAL = "usual"
    FULL = "full"


def _brought(lab: Lab, there: set[str], check: str) -> set[str]:
    """A check, and what it needs beyond those that are there."""
    return with_needs(lab.checks, {check}) - there


@dataclass(frozen=True, slots=True)
class Wanted:
    """One validation of one lab in one runtime.

    Attributes:
        runs: how often each correct solution is graded.
        commit: what chooses those whose turn it is: the pack's commit, or another text.
        mutants: how many, by turns; None for all.
        correct: how many references and accepted solutions, by turns, of which the reference in the lab's first language is
            always one; None for all.
        only: ids of the solutions asked for; empty for all.
        line: the options that repeat it for one solution.
    """

    mode: Mode
    runtime: str
    runs: int
    jobs: int
    seed: str
    commit: str
    mutants: int | None = None
    only: tuple[str, ...] = ()
    line: str = ""
    correct: int | None = None

    def chosen(self, cases: Sequence[Case]) -> list[Case]:
        """Those whose turn it is."""
        if self.only:
            return [case for case in cases if case.id in self.only]
        left_out = self._left_out(cases)
        mutants = {case.name: case for case in cases if case.kind is CaseKind.MUTANT}
        named = turns(mutants, len(mutants) if self.mutants is None else self.mutants, self.commit)
        if self.mode is Mode.QUICK:
            slow = [name for name in named if all(is_load(check) for check in mutants[name].breaks)]
            named -= frozenset(slow) - turns(slow, LOAD_TURNS, self.commit, LOAD_STAGE)
        return [
            case
            for case in cases
            if case.id not in left_out and (case.kind is not CaseKind.MUTANT or case.name in named)
        ]

    def _left_out(self, cases: Sequence[Case]) -> frozenset[str]:
        """Of the correct solutions, of which the first always has its turn."""
        if self.correct is not None:
            ids, count = [case.id for case in cases if case.kind in CORRECT][1:], self.correct - 1
        elif self.mode is Mode.QUICK:
            ids, count = [case.id for case in cases if case.kind is CaseKind.ACCEPTED], ACCEPTED_TURNS
        else:
            return frozenset()
        return frozenset(ids) - turns(ids, count, self.commit, "correct")

    def asked(self, lab: Lab, case: Case) -> tuple[str, ...]:
        """The checks that are run against `case`, in the lab's order; those that measure are run apart, see `measured`."""
        if case.kind is CaseKind.SCAFFOLD:
            return tuple(check.id for check in lab.checks)  # none of them gets as far as being measured
        functional = [check.id for check in lab.checks if not is_load(check.id)]
        if case.kind is not CaseKind.MUTANT or self.mode is not Mode.QUICK:
            return self._ordered(lab, set(functional))
        # What may fail it, and may not, would prove nothing.
        named = with_needs(lab.checks, (check for check in case.breaks if not is_load(check)))
        known = {*named, *case.may_break}
        others = [
            check
            for check in functional
            # One that needs what the mutant breaks would be blocked.
            if check not in known and with_needs(lab.checks, {check}).isdisjoint(case.breaks)
        ]
        return self._ordered(lab, {*named, *tenth(others, self.commit, case.name, partial(_brought, lab, named))})

    def measured(self, lab: Lab, case: Case) -> tuple[str, ...]:
        """The checks under load that are run against `case`, and what they need; none at all for most."""
        checks = [check.id for check in lab.checks if is_load(check.id)]
        if case.kind is CaseKind.MUTANT:
            checks = [check for check in checks if check in case.breaks]
        elif self.mode is Mode.QUICK and case.id != f"{CaseKind.REFERENCE}/{lab.languages[0]}":
            checks = []
        return self._ordered(lab, set(checks)) if case.kind is not CaseKind.SCAFFOLD else ()

    def again(self, lab: Lab, case: Case) -> tuple[str, ...]:
        """The checks of further runs: all for a correct solution; of a race those that it names, for its share."""
        if case.kind is not CaseKind.MUTANT:
            return self.asked(lab, case)
        return self._ordered(lab, {check for check in case.breaks if not is_load(check)})

    @staticmethod
    def _ordered(lab: Lab, named: set[str]) -> tuple[str, ...]:
        wanted = with_needs(lab.checks, named)
        return tuple(check.id for check in lab.checks if check.id in wanted)

    def times(self, case: Case) -> int:
        """How often `case` is graded."""
        if case.kind in CORRECT:
            return self.runs
        return runs_to_judge(case.caught) if case.caught is not None else 1

    def effort(self, case: Case) -> Effort:
        """How hard checks look: a mutant must be found by what learners get."""
        return Effort.EXHAUSTIVE if self.mode is Mode.FULL and case.kind in CORRECT else Effort.BRISK

    def run_seed(self, case: Case, number: int) -> str:
        """The seed of one run: short, and repeatable by itself."""
        return hashlib.sha256(f"{self.seed}\0{case.id}\0{number}".encode()).hexdigest()[:12]

    def foreground(self, lab: Lab, case: Case, check: str, seed: str) -> str:
        """The line that runs one check against one solution on the terminal."""
        full = " --full" if self.effort(case) is Effort.EXHAUSTIVE else ""
        asked = f"--case {case.id} --check {check} --seed {seed} --runtime {self.runtime}"
        return f"lab validate {lab.name} {asked}{full}{self.line}"
