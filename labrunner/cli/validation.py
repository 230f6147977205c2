"""What `lab validate` conducts. Heavy: imported late."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labrunner.authoring.validate import validate as reports_of
from labrunner.cli.interruption import listen
from labrunner.model.validation import LabReport
from labrunner.reports import terminal, validation
from labrunner.rules.fold import fold
from labrunner.wiring.runs import Wish, fresh_seed, grading

if TYPE_CHECKING:
    from labrunner.model.lab import Lab
    from labrunner.model.result import Result
    from labrunner.model.solution import Solution


def validate(lab: Lab, *, runs: int, jobs: int, runtime: str, seed: str | None) -> bool:
    """Validate one lab and show it; returns whether it is valid."""
    listen()
    console = terminal.console()
    asked = tuple(check.id for check in lab.checks)
    chosen = seed or fresh_seed()

    def grade(solution: Solution, run_seed: str) -> Result:
        with grading(Wish(lab, solution, asked, run_seed, runtime)) as run:
            return fold(run.events())

    console.print(f"{lab.id} {lab.version}, seed {chosen}", style="bold", markup=False)
    for report in reports_of(lab, grade, runs=runs, seed=chosen, jobs=jobs):
        if isinstance(report, LabReport):
            console.print(*validation.parts(report), sep="\n")
            return report.is_valid
        console.print(validation.line(report))
    return False
