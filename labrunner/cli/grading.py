"""What `lab test` and `lab grade` have in common: conduct a run, show it, write its reports. Heavy: imported late."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from labrunner.model.status import Status
from labrunner.rules.fold import Fold
from labrunner.rules.score import exit_code
from labrunner.solution.progress import write_whole
from labrunner.wiring.runs import Wish, fresh_seed, grading

if TYPE_CHECKING:
    from pathlib import Path

    from labrunner.model.lab import Lab
    from labrunner.model.result import Result
    from labrunner.model.solution import Solution
    from labrunner.solution.progress import Progress
    from labrunner.suites.spawn import Spawned

__all__ = ["Run", "fresh_seed"]


@dataclass(frozen=True, slots=True)
class Run:
    """One run, as the user asked for it; see `labrunner.wiring.runs.Wish`."""

    lab: Lab
    solution: Solution
    asked: tuple[str, ...]
    seed: str
    runtime: str
    stop_early: bool = False
    start_tries: int = 3
    needs_strong_isolation: bool = False
    early: Spawned | None = None

    def conduct(self, outputs: list[tuple[str, Path | None]], progress: Progress | None = None) -> int:
        """Run, show, write; returns the exit code.

        Args:
            outputs: formats and files; None is standard output, and the report for people then goes to standard error.
            progress: where the result, also a partial one, is kept.
        """
        fold = Fold()
        wish = Wish(
            self.lab, self.solution, self.asked, self.seed, self.runtime, self.stop_early, self.start_tries,
            needs_strong_isolation=self.needs_strong_isolation, early=self.early, is_last=True,
        )  # fmt: skip
        try:
            with grading(wish) as run:
                # What draws the screen is loaded while the grader's own process loads.
                from labrunner.reports import terminal
                from labrunner.reports.live import Live
                from labrunner.wiring import runtimes

                if not self.needs_strong_isolation:
                    click.echo(runtimes.fallback(self.runtime, self.solution.language), nl=False, err=True)
                with Live(terminal.console(to_stderr=_uses_stdout(outputs))) as live:
                    for event in run.events():
                        fold.add(event)
                        live.add(event)
                self._finish(fold.result, outputs, progress)
        except KeyboardInterrupt:
            if not fold.has_begun:
                raise
            self._finish(fold.result, outputs, progress)
        return exit_code(fold.result)

    def _finish(self, result: Result, outputs: list[tuple[str, Path | None]], progress: Progress | None) -> None:
        """Show it, keep it, write it; the cleaning up comes after that."""
        from labrunner.reports import json, terminal
        from labrunner.reports.formats import RENDERERS

        terminal.show(result, terminal.console(to_stderr=_uses_stdout(outputs)))
        if progress is not None:
            verdicts = {check.id: check.status.value for check in result.checks if check.status is not Status.SKIPPED}
            progress.save(json.render(result), result.seed, verdicts)
        for name, path in outputs:
            data = RENDERERS[name](result)
            if path is None:
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
            else:
                write_whole(path, data)


def _uses_stdout(outputs: list[tuple[str, Path | None]]) -> bool:
    """Whether a report goes to standard output; what people read then goes to standard error."""
    return any(path is None for _, path in outputs)
