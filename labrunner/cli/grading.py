"""What `lab test` and `lab grade` have in common: conduct a run, show it, write its reports. Heavy: imported late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from labrunner.cli.interruption import insist
from labrunner.cli.options import uses_stdout
from labrunner.model.status import Status
from labrunner.rules.fold import Fold
from labrunner.rules.score import exit_code
from labrunner.wiring.runs import Wish, grading

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from labrunner.model.result import Result
    from labrunner.solution.progress import Progress


@dataclass(frozen=True, slots=True)
class Run:
    """One run, as the user asked for it.

    Attributes:
        wish: what is run.
        folder: where in its repository the solution lies, for reports that point at files.
    """

    wish: Wish
    folder: str = ""

    def conduct(
        self,
        outputs: list[tuple[str, Path | None]],
        progress: Progress | None = None,
        then: Callable[[Result], None] | None = None,
    ) -> int:
        """Run, show, write; returns the exit code.

        Args:
            outputs: formats and files; None is standard output, and the report for people then goes to standard error.
            progress: where the result, also a partial one, is kept.
            then: is given the result when all that is written; not one that was interrupted, which is nobody's.
        """
        fold = Fold()
        try:
            with grading(self.wish) as run:
                # What draws the screen is loaded while the grader's own process loads.
                from labrunner.reports import terminal
                from labrunner.reports.live import Live
                from labrunner.wiring import runtimes

                wish, lab = self.wish, self.wish.lab
                if not wish.needs_strong_isolation:
                    warning = runtimes.fallback(
                        wish.runtime, wish.solution.language, lab.service.companions, with_load=lab.load is not None
                    )
                    click.echo(warning, nl=False, err=True)
                with Live(terminal.console(to_stderr=uses_stdout(outputs))) as live:
                    for event in run.events():
                        insist()
                        fold.add(event)
                        live.add(event)
                self._finish(fold.result, outputs, progress, then)
        except KeyboardInterrupt:
            if not fold.has_begun:
                raise
            self._finish(fold.result, outputs, progress, then)
        return exit_code(fold.result)

    def _finish(
        self,
        result: Result,
        outputs: list[tuple[str, Path | None]],
        progress: Progress | None,
        then: Callable[[Result], None] | None,
    ) -> None:
        """Show it, keep it, write it; the cleaning up comes after that."""
        from labrunner.cli.outputs import write
        from labrunner.reports import json, terminal

        terminal.show(result, terminal.console(to_stderr=uses_stdout(outputs)))
        if progress is not None:
            # Where the service did not start no check ran: what was known of each stays known.
            judged = result.checks if result.startup is None else ()
            verdicts = {check.id: check.status.value for check in judged if check.status is not Status.SKIPPED}
            progress.save(json.render(result), result.seed, verdicts)
        write(result, outputs, self.folder)
        if then is not None and not result.interrupted:
            then(result)


def shown(result: Result, outputs: list[tuple[str, Path | None]], folder: str = "") -> None:
    """Show and write a result that was there already."""
    from labrunner.cli.outputs import write
    from labrunner.reports import terminal

    terminal.show(result, terminal.console(to_stderr=uses_stdout(outputs)))
    write(result, outputs, folder)
