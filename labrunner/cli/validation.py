"""What `lab validate` conducts. Heavy: imported late."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labrunner import __version__
from labrunner.authoring.validate import validate as reports_of
from labrunner.authoring.wanted import Mode, Wanted
from labrunner.cli.interruption import listen
from labrunner.errors import ExitCode, LabInvalid
from labrunner.model.validation import LabReport, Problem, Section, Validation
from labrunner.reports import terminal, validation
from labrunner.rules import wire
from labrunner.rules.fold import fold
from labrunner.solution.progress import write_whole
from labrunner.wiring.runs import Wish, fresh_seed, grading, loaded

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from labrunner.catalog.packs import Catalog
    from labrunner.model.lab import Lab
    from labrunner.model.result import Result
    from labrunner.model.solution import Solution
    from labrunner.suites.kept import KeptGrader

SCHEMA = 1
"""Of the JSON; grows by one when a reader would break."""
BOTH = ("process", "docker")


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed; see `labrunner.authoring.wanted.Wanted`."""

    mode: Mode
    runtime: str
    runs: int
    jobs: int
    seed: str | None
    mutants: int | None
    only: tuple[str, ...]
    packs: tuple[Path, ...]
    patience: float

    @property
    def runtimes(self) -> tuple[str, ...]:
        """One after another; a full validation is of both, unless told otherwise."""
        return BOTH if self.mode is Mode.FULL and self.runtime == "auto" else (self.runtime,)


class Validating:
    """One `lab validate`.

    Args:
        catalog: where labs are found.
        asked: what was typed.
        outputs: formats and files; None is standard output, and what people read then goes to standard error.
    """

    def __init__(self, catalog: Catalog, asked: Asked, outputs: list[tuple[str, Path | None]]) -> None:
        self._catalog = catalog
        self._asked = asked
        self._outputs = outputs
        self._console = terminal.console(to_stderr=any(path is None for _, path in outputs))

    def conduct(self, names: Iterable[str]) -> ExitCode:
        """Validate each; a lab that is wrong keeps no other from being validated."""
        listen()
        reports: list[LabReport] = []
        for name in names:
            for runtime in self._asked.runtimes:
                report = self._one(name, runtime)
                self._console.print(*validation.parts(report), sep="\n")
                reports.append(report)
        self._write(Validation(SCHEMA, __version__, tuple(reports)))
        if not all(report.is_valid for report in reports):
            return ExitCode.LAB_INVALID
        return ExitCode.ENVIRONMENT if any(report.hindered for report in reports) else ExitCode.OK

    def _one(self, name: str, runtime: str) -> LabReport:
        seed = self._asked.seed or fresh_seed()
        try:
            lab = self._catalog.lab(name)
            with loaded(lab) as kept:
                return self._of_lab(lab, kept, runtime, seed)
        except LabInvalid as fault:
            first, _, rest = fault.message.partition("\n")
            problem = Problem(first, fault.hint or rest)
            return LabReport(name, "", runtime, self._asked.mode.value, seed, 0.0, (),
                             (Section("manifest", "", (problem,)),))  # fmt: skip

    def _of_lab(self, lab: Lab, kept: KeptGrader, runtime: str, seed: str) -> LabReport:
        asked = self._asked
        wanted = Wanted(
            asked.mode, runtime, asked.runs, asked.jobs, seed, commit_of(lab), asked.mutants, asked.only,
            "".join(f" --pack {folder}" for folder in asked.packs),
        )  # fmt: skip

        def grade(solution: Solution, run_seed: str, checks: tuple[str, ...]) -> Result:
            wish = Wish(lab, solution, checks, run_seed, runtime, kept=kept, patience=asked.patience)
            with grading(wish) as run:
                return fold(run.events())

        report: LabReport | None = None
        with validation.Watch(self._console, lab, wanted.seed) as watch:
            for each in reports_of(lab, kept.checks, grade, wanted, {}):
                if isinstance(each, LabReport):
                    report = each
                else:
                    watch.add(each)
        assert report is not None
        return report

    def _write(self, found: Validation) -> None:
        for _, path in self._outputs:
            data = wire.pretty(found)
            if path is None:
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
            else:
                write_whole(path, data)


def commit_of(lab: Lab) -> str:
    """The hash of the commit that the lab's pack is at; of its trees, where there is no git."""
    done = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=lab.manifest.parent, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return done.stdout.strip()
    from labrunner.catalog.digest import of_tree

    return of_tree(lab.manifest.parent, *lab.graders, lab.scaffolds)
