"""What `lab validate` shows: one table per lab, and under it each problem in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from labrunner.model.validation import CaseKind
from labrunner.rules.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from labrunner.model.validation import CaseReport, LabReport


def line(report: CaseReport) -> Text:
    """One case, as soon as it is known."""
    mark = Text("✗", style="red") if report.problems else Text("✓", style="green")
    times = f"{report.runs} runs, " if report.runs > 1 else ""
    return Text.assemble(mark, f" {report.kind} {report.name}", (f"  {times}{report.seconds:.1f} s", "dim"))


def parts(report: LabReport) -> Iterator[RenderableType]:
    """The whole lab."""
    yield _mutants(report)
    for case in report.cases:
        for problem in case.problems:
            yield Text.assemble((f"{case.kind} {case.name}: ", "bold red"), _lines(problem))
    for problem in report.problems:
        yield Text(problem, style="red")
    yield _summary(report)


def _lines(problem: str) -> str:
    return "\n    ".join(printable(line) for line in problem.splitlines())


def _mutants(report: LabReport) -> Table:
    table = Table("mutant", "failed by", box=None, pad_edge=False, header_style="dim")
    for case in report.cases:
        if case.kind is CaseKind.MUTANT:
            table.add_row(Text(case.name, style="red" if case.problems else ""), Text(", ".join(case.killed_by)))
    return table


def _summary(report: LabReport) -> Text:
    good = [case for case in report.cases if case.kind in {CaseKind.REFERENCE, CaseKind.ACCEPTED}]
    runs = sum(case.runs for case in good)
    mutants = sum(case.kind is CaseKind.MUTANT for case in report.cases)
    unsure, verdicts = sum(case.inconclusive for case in good), sum(case.verdicts for case in good)
    facts = f"{runs} runs of correct solutions, {unsure} of {verdicts} verdicts inconclusive, {mutants} mutants"
    verdict = ("valid", "bold green") if report.is_valid else ("not valid", "bold red")
    return Text.assemble((report.lab, "bold"), " is ", verdict, (f": {facts}", "dim"))
