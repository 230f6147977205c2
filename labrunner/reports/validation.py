"""What `lab validate` shows: one table per lab, the matrix of mutants and checks, and each problem in a line."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from labrunner.model.validation import CaseKind, Mark
from labrunner.rules.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from rich.console import Console, RenderableType

    from labrunner.model.lab import Lab
    from labrunner.model.validation import CaseReport, LabReport, Section

_SIGNS = {
    Mark.CAUGHT: ("x", "green"),
    Mark.MISSED: ("-", "bold red"),
    Mark.ALLOWED: ("~", "dim"),
    Mark.UNEXPECTED: ("!", "bold red"),
    Mark.PASSED: (".", "dim"),
    Mark.BLOCKED: ("o", "dim"),
    Mark.INCONCLUSIVE: ("?", "yellow"),
    Mark.ERRORED: ("E", "bold red"),
    Mark.NOT_RUN: (" ", ""),
}
_LEGEND = ("x failed, as named", ". passed", "~ failed, as it may", "o blocked", "? inconclusive",
           "- not failed, though named", "! failed, though not named", "E errored", "blank: not run")  # fmt: skip
EVIDENCE_LINES = 6


class Watch:
    """Progress: a line that moves on a terminal, a line per solution elsewhere."""

    def __init__(self, console: Console, lab: Lab, seed: str, total: int | None = None) -> None:
        self._console = console
        self._lab = lab
        self._seed = seed
        self._progress = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn(),
            console=console, transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        self._task = self._progress.add_task("validating", total=total)

    def __enter__(self) -> Self:
        self._console.print(Text.assemble((f"{self._lab.name} {self._lab.version}", "bold"), f", seed {self._seed}"))
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begin(self, total: int) -> None:
        """So many solutions are to be graded."""
        self._progress.update(self._task, total=total)

    def add(self, report: CaseReport) -> None:
        """One is known."""
        self._progress.advance(self._task)
        self._console.print(line(report))


def line(report: CaseReport) -> Text:
    """One solution, as soon as it is known."""
    mark = Text("✗", style="red") if report.problems else Text("✓", style="green")
    mark = Text("?", style="yellow") if report.hindered else mark
    times = f"{report.runs} runs, " if report.runs > 1 else ""
    return Text.assemble(mark, f" {report.kind} {report.name}", (f"  {times}{report.seconds:.1f} s", "dim"))


def parts(report: LabReport) -> Iterator[RenderableType]:
    """The whole lab."""
    if any(case.kind is CaseKind.MUTANT for case in report.cases):
        yield Text()
        yield _matrix(report)
        yield Text(" · ".join(_LEGEND), style="dim")
    yield Text()
    yield _table(report)
    for section in report.sections:
        for problem in section.problems:
            yield Text()
            yield Text.assemble((f"{section.name}: ", "bold red"), _lines(problem.text))
            if problem.next:
                yield Text(f"    {_lines(problem.next)}", style="cyan", overflow="fold")
    for hindrance in report.hindered:
        yield Text.assemble(("the machine: ", "bold yellow"), _lines(hindrance))
    yield Text()
    yield _summary(report)


def _lines(problem: str) -> str:
    return "\n    ".join(printable(line) for line in problem.splitlines()[:EVIDENCE_LINES])


def _table(report: LabReport) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(width=1)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for section in report.sections:
        table.add_row(_mark(section), Text(section.name, style="bold"), Text(printable(section.facts)))
        for note in section.notes:
            table.add_row(Text(), Text(), Text(printable(note), style="yellow"))
    return table


def _mark(section: Section) -> Text:
    return Text("✗", style="red") if section.problems else Text("✓", style="green")


def _matrix(report: LabReport) -> Table:
    """A row for each mutant, a column for each stage, in it a sign for each check in the order of the manifest."""
    stages = [(slug, list(checks)) for slug, checks in groupby(report.checks, lambda check: check.split("/")[0])]
    table = Table("mutant", *(slug for slug, _ in stages), box=None, pad_edge=False, header_style="dim")
    for column in table.columns[1:]:
        column.overflow = "fold"
    for case in report.cases:
        if case.kind is CaseKind.MUTANT:
            shares = "".join(f"  {share.caught}/{share.runs}" for share in case.shares.values())
            name = Text.assemble((case.name, "red" if case.problems else ""), (shares, "dim"))
            table.add_row(name, *(_cell(case, checks) for _, checks in stages))
    return table


def _cell(case: CaseReport, checks: list[str]) -> Text:
    return Text.assemble(*(_SIGNS[case.marks.get(check, Mark.NOT_RUN)] for check in checks))


def _summary(report: LabReport) -> Text:
    verdict = ("valid", "bold green") if report.is_valid else ("not valid", "bold red")
    depth = f", {report.mode}" if report.mode != "usual" else ""
    runs = sum(case.runs for case in report.cases)
    facts = f": {runs} runs in {report.seconds:.0f} s, {report.runtime} runtime{depth}, seed {report.seed}"
    return Text.assemble((report.lab, "bold"), " is ", verdict, (facts, "dim"))
