"""The report a learner reads: stages and checks with points, then each failure of the first failing stage."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from labrunner.model.lab import Visibility
from labrunner.model.outcome import Failure
from labrunner.model.status import Status
from labrunner.reports import curl, load, timeline
from labrunner.reports.telling import fields_of
from labrunner.rules import transcript
from labrunner.rules.marks import BAD, MARKS
from labrunner.rules.replayable import replayable
from labrunner.rules.text import printable, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from labrunner.model.outcome import Exchange
    from labrunner.model.result import CheckResult, Result, StageInfo

__all__ = ["Console", "console", "mark", "show"]

_VERDICTS = BAD | {Status.PASSED, Status.BLOCKED, Status.INCONCLUSIVE}
MOST_FAILURES = 5
"""Failures told in full; a learner mends one at a time."""
WIDEST = 96
"""Columns; beyond that, points are too far from what earned them."""
LABEL_WIDTH = 10
TEXT_WIDTH = 400
"""Characters of one piece of a service's text."""


class _Patient(Console):
    """A console whose reader may go: `| head` has seen enough, and the run's exit code stays what it is."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


def console(*, to_stderr: bool = False) -> Console:
    """Where people read: colours and movement only on a terminal, and never with ``NO_COLOR``."""
    return _Patient(stderr=to_stderr, highlight=False, emoji=False)


def show(result: Result, console: Console) -> None:
    """Print the report of `result`."""
    for part in _Page(result, console).parts():
        # A curl line must stay in one piece to be pasted: the terminal may wrap it, we may not.
        console.print(part, soft_wrap=isinstance(part, Text) and part.no_wrap is True)


def mark(status: Status, *, is_ascii: bool = False) -> Text:
    """A status as one coloured character."""
    symbol, plain, colour = MARKS[status]
    return Text(plain if is_ascii else symbol, style=colour or "dim")


class _Page:
    def __init__(self, result: Result, console: Console) -> None:
        self._result = result
        self._console = console
        self._is_ascii = not console.encoding.lower().startswith("utf")
        self._width = min(console.width, WIDEST)
        self._by_stage = {
            stage.slug: [check for check in result.checks if check.stage == stage.slug] for stage in result.stages
        }
        self._focus = self._first_failing_stage()
        self._replays = {failed.id: number for number, failed in enumerate(replayable(result), start=1)}

    def _first_failing_stage(self) -> str | None:
        for stage, checks in self._by_stage.items():
            if any(check.status in BAD for check in checks):
                return stage
        return None

    def parts(self) -> Iterator[RenderableType]:
        """From top to bottom."""
        yield self._heading()
        if self._result.startup is not None:
            yield Text()
            yield Text("✗ The service could not be tested", style="bold red")
            yield from self._failure(self._result.startup.failure)
            yield from self._closing()
            return
        if self._result.problem and not any(check.status in _VERDICTS for check in self._result.checks):
            yield from self._problem()
            return
        yield Text()
        yield self._stages()
        if self._result.load is not None:
            yield Text()
            for label, text in load.lines(self._result.load):
                yield self._labelled(label, _safe(text))
        failures = [check for check in self._by_stage.get(self._focus or "", []) if check.status in BAD]
        for check in failures[:MOST_FAILURES]:
            yield from self._check_failure(check)
        if len(failures) > MOST_FAILURES:
            yield Text(f"\n... and {len(failures) - MOST_FAILURES} more in this stage; mend these first.", style="dim")
        yield from self._remarks()
        yield from self._closing()

    def _heading(self) -> Text:
        result = self._result
        dot = " - " if self._is_ascii else " · "
        return Text.assemble(
            (printable(result.lab), "bold"),
            (
                printable(
                    f" {result.lab_version}{dot}{result.language}{dot}{result.runtime} runtime{dot}seed {result.seed}"
                ),
                "dim",
            ),
        )

    # -- stages and checks --------------------------------------------------------------------------------------

    def _stages(self) -> Table:
        table = Table.grid(padding=(0, 1))
        table.width = self._width
        table.add_column(width=1)
        table.add_column(ratio=1, overflow="fold")
        table.add_column(justify="right", no_wrap=True)
        for number, stage in enumerate(self._result.stages, start=1):
            checks = self._by_stage[stage.slug]
            table.add_row(*self._stage_row(number, stage, checks))
            if self._is_unfolded(stage, checks):
                for check in checks:
                    table.add_row(Text(), self._check_row(check), self._note(check))
        return table

    def _is_unfolded(self, stage: StageInfo, checks: Sequence[CheckResult]) -> bool:
        """The stage to work on, and every other that did not simply pass or stay out as a whole."""
        statuses = {check.status for check in checks}
        return stage.slug == self._focus or statuses not in ({Status.PASSED}, {Status.SKIPPED})

    def _stage_row(self, number: int, stage: StageInfo, checks: Sequence[CheckResult]) -> tuple[Text, Text, Text]:
        status = _stage_status(checks)
        earned = sum(check.points for check in checks if check.status is Status.PASSED)
        is_left_out = all(check.status is Status.SKIPPED for check in checks)
        style = "dim" if is_left_out else "bold"
        why = "not reached" if any(check.outcome.note for check in checks) else "not asked for"
        points = why if is_left_out else f"{earned}/{stage.points}"
        title = Text.assemble((printable(f"{number} {stage.slug}"), style), (printable(f"  {stage.title}"), "dim"))
        return mark(status, is_ascii=self._is_ascii), title, Text(points, style=style)

    def _check_row(self, check: CheckResult) -> Table:
        """Mark and title, the title's further lines below its first."""
        row = Table.grid(padding=(0, 1))
        row.add_column(width=3, justify="right")
        row.add_column(overflow="fold")
        row.add_row(mark(check.status, is_ascii=self._is_ascii), Text(printable(check.title)))
        return row

    def _note(self, check: CheckResult) -> Text:
        match check.status:
            case Status.PASSED:
                return Text(f"{check.points}/{check.points}", style="green")
            case Status.BLOCKED:
                return Text("blocked", style="yellow")
            case Status.SKIPPED:
                return Text("not run", style="dim")
            case Status.INCONCLUSIVE | Status.ERRORED:
                return Text(check.status.value, style="yellow")
            case _:
                return Text(f"0/{check.points}", style="red")

    # -- failures -----------------------------------------------------------------------------------------------

    def _check_failure(self, check: CheckResult) -> Iterator[RenderableType]:
        yield Text()
        title, name = printable(check.title), printable(check.id)
        is_long = 2 + cell_len(title) + 2 + cell_len(name) > self._width
        yield Text.assemble(
            mark(check.status, is_ascii=self._is_ascii),
            (f" {title}", "bold red"),
            ("\n  " if is_long else "  ", ""),
            (name, "dim"),
        )
        if check.outcome.failure is not None:
            yield from self._failure(check.outcome.failure)
        elif check.visibility == Visibility.HIDDEN:
            yield self._labelled("Hidden", Text(f"{check.outcome.reason}; what exactly was asked is not told"))
        yield self._labelled("Hint", Text(f"lab hint {printable(check.id)}", style="cyan"))
        yield self._labelled("Again", Text(printable(f"lab test {check.id} --seed {self._result.seed}"), style="cyan"))
        if number := self._replays.get(check.id):
            yield self._labelled("Replay", Text(f"lab replay {number}", style="cyan"))

    def _failure(self, failure: Failure) -> Iterator[RenderableType]:
        yield self._labelled("Expected", _safe(failure.expected))
        yield self._labelled("Got", _safe(failure.got, "bold"))
        if failure.why:
            yield self._labelled("Why", _safe(failure.why))
        if failure.timeline is not None:
            yield self._labelled("Picture", Text("who asked when, and what was answered:", style="dim"))
            for line in timeline.lines(failure.timeline):
                yield Text(f"    {shorten(printable(line), TEXT_WIDTH)}", overflow="fold")
        if failure.exchanges:
            yield from self._exchange(failure.exchanges[-1])
        if failure.log:
            # Without an exchange it is a start or a build that failed.
            source = "the service wrote at that moment:" if failure.exchanges else "what was written:"
            yield self._labelled("Log", Text(source, style="dim"))
            for line in failure.log:
                yield Text(f"    | {shorten(printable(line), TEXT_WIDTH)}", style="dim", overflow="fold")

    def _labelled(self, label: str, value: Text) -> Text:
        """``  Label     value``, the value wrapped beside its label."""
        lines = value.wrap(self._console, self._width - LABEL_WIDTH - 2)
        head = Text.assemble("  ", (label.ljust(LABEL_WIDTH), "dim"))
        return Text("\n").join(
            [Text.assemble(head if i == 0 else " " * (LABEL_WIDTH + 2), line) for i, line in enumerate(lines)]
        )

    def _exchange(self, exchange: Exchange) -> Iterator[RenderableType]:
        if exchange.transcript:
            yield self._labelled("Bytes", Text("sent (>) and received (<):", style="dim"))
            for line in transcript.lines(exchange.transcript, width=self._width - 10):
                yield Text(f"    {printable(line)}", style="cyan" if line.startswith(">") else "dim", overflow="fold")
            return
        yield self._labelled("Request", Text("paste this while `lab run` runs in another terminal:", style="dim"))
        yield Text(f"    {curl.line(exchange)}", style="cyan", no_wrap=True)
        if exchange.status is not None:
            for line in _answer_lines(exchange):
                yield Text(f"    < {shorten(printable(line), TEXT_WIDTH)}", style="dim", overflow="fold")

    # -- the end ------------------------------------------------------------------------------------------------

    def _remarks(self) -> Iterator[RenderableType]:
        for check in self._result.checks:
            is_news = check.outcome.note and check.outcome.note != self._result.problem
            if check.status in {Status.ERRORED, Status.INCONCLUSIVE} and is_news:
                first = check.outcome.note.splitlines()[0]
                yield Text(f"\n{check.status.value}: {printable(check.id)}: {printable(first)}", style="yellow")
        if recovered := [check for check in self._result.checks if check.outcome.recovery is not None]:
            yield Text("\nServed again after a fault:", style="dim")
            for check in recovered:
                yield Text(f"    {check.outcome.recovery:6.2f} s later  {printable(check.id)}", style="dim")
        for flag in self._result.review:
            yield Text(f"\nFor a person to look at; no points are lost: {printable(flag)}", style="yellow")
        if self._result.problem:
            yield from self._problem()

    def _problem(self) -> Iterator[RenderableType]:
        yield Text()
        for line in self._result.problem.splitlines():
            yield Text(printable(line), style="bold yellow")

    def _closing(self) -> Iterator[RenderableType]:
        result = self._result
        dot = " - " if self._is_ascii else " · "
        counts = [
            f"{count} {status.value}"
            for status in Status
            if (count := sum(check.status is status for check in result.checks)) and status is not Status.SKIPPED
        ]
        yield Text()
        earned, possible = result.score.earned, result.score.possible
        undecided = sum(check.points for check in result.checks) - possible
        style = "bold green" if earned == possible and not undecided else "bold"
        facts = [f"{undecided} more undecided"] if undecided else []
        facts += [", ".join(counts)] if counts else []
        # An interrupted run was not timed.
        facts += [] if result.interrupted else [f"{result.timing.wall:.1f} s"]
        yield Text.assemble(
            (f"{earned} of {possible} points", style), ("".join(f"{dot}{fact}" for fact in facts), "dim")
        )
        if advice := self._advice():
            yield advice

    def _advice(self) -> Text | None:
        result = self._result
        if result.interrupted:
            return Text("Interrupted: what was known until then is kept.", style="yellow")
        if self._focus or result.startup:
            return Text("Mend the first failure, then `lab test` again.")
        if all(check.status is Status.PASSED for check in result.checks):
            return Text("Everything passed. Well done!", style="green")
        if {check.status for check in result.checks} == {Status.PASSED, Status.SKIPPED}:
            return Text("What you asked for passed. The rest: `lab test`.", style="green")
        return None


def _stage_status(checks: Sequence[CheckResult]) -> Status:
    """One status for a stage: the worst that a learner has to know of."""
    statuses = {check.status for check in checks}
    for status in (Status.FAILED, Status.LIMIT, Status.ERRORED, Status.BLOCKED, Status.INCONCLUSIVE):
        if status in statuses:
            return status
    return Status.PASSED if statuses == {Status.PASSED} else Status.SKIPPED


def _safe(text: str, style: str = "") -> Text:
    return Text(shorten(printable(text), TEXT_WIDTH), style=style, overflow="fold")


def _answer_lines(exchange: Exchange) -> list[str]:
    return [
        f"HTTP/1.1 {exchange.status}",
        *fields_of(exchange),
        *([exchange.response_body] if exchange.response_body else []),
    ]
