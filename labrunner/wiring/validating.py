"""`lab validate`, from what was typed to what is shown, kept and written. Heavy: imported late."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labrunner import __version__
from labrunner.authoring import cases as authors
from labrunner.authoring import transcripts
from labrunner.authoring.store import Store
from labrunner.authoring.validate import validate as reports_of
from labrunner.authoring.wanted import Mode, Wanted
from labrunner.catalog.digest import of_tree
from labrunner.errors import ExitCode, LabInvalid, UnknownName
from labrunner.model.lab import Visibility
from labrunner.model.validation import LabReport, Problem, Section, Validation
from labrunner.reports import terminal, validation
from labrunner.rules import wire
from labrunner.rules.fold import fold
from labrunner.rules.score import exit_code
from labrunner.solution import manifest
from labrunner.solution.places import cache_folder
from labrunner.solution.progress import write_whole
from labrunner.wiring.runs import Wish, fresh_seed, grading, loaded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from labrunner.catalog.packs import Catalog
    from labrunner.model.effort import Effort
    from labrunner.model.lab import Check, Lab
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
    resume: bool = False
    update_transcripts: bool = False
    correct: int | None = None

    @property
    def runtimes(self) -> tuple[str, ...]:
        """One after another; a full validation is of both, unless told otherwise."""
        return BOTH if self.mode is Mode.FULL and self.runtime == "auto" else (self.runtime,)


def in_foreground(
    lab: Lab, case_id: str, check_id: str, runtime: str, seed: str | None, *, with_pdb: bool, effort: Effort
) -> ExitCode:
    """One check against one solution on the terminal, with pytest's own output; the check's needs are left out."""
    case = next((case for case in authors.look(lab)[0] if case.id == case_id), None)
    if case is None:
        raise UnknownName("solution", case_id, [each.id for each in authors.look(lab)[0]], "Say KIND/NAME.")
    alone = without_needs(lab, check_id)
    with tempfile.TemporaryDirectory(prefix="lab-validate-") as folder:
        solution = manifest.read(authors.lay_out(case, lab, Path(folder) / "solution"))
        wish = Wish(
            alone, solution, (check_id,), seed or fresh_seed(), runtime, foreground=("--pdb",) if with_pdb else (),
            effort=effort,
        )  # fmt: skip
        with grading(wish) as run:
            result = fold(run.events())
    console = terminal.console()
    outcome = next(check.outcome for check in result.checks if check.id == check_id)
    reason = f" ({outcome.reason})" if outcome.reason else ""
    said = result.problem or (result.startup.failure.got if result.startup else "")
    console.print(f"{check_id} {outcome.status}{reason}, seed {result.seed}. {said}".strip(), markup=False)
    return exit_code(result)


def without_needs(lab: Lab, check_id: str) -> Lab:
    """The lab, with a check that waits for no other."""
    return _with_checks(lab, lambda check: dataclasses.replace(check, needs=()) if check.id == check_id else check)


def opened(lab: Lab) -> Lab:
    """The lab as its author sees it: evidence is hidden from learners only."""
    return _with_checks(lab, lambda check: dataclasses.replace(check, visibility=Visibility.OPEN))


def _with_checks(lab: Lab, change: Callable[[Check], Check]) -> Lab:
    stages = (dataclasses.replace(stage, checks=tuple(map(change, stage.checks))) for stage in lab.stages)
    return dataclasses.replace(lab, stages=tuple(stages))


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
        """Validate each; a lab that is wrong keeps no other from being validated.

        Raises:
            UnknownName: a case that was asked for is of none of them: what was not run proves nothing.
        """
        reports: list[LabReport] = []
        for name in self._with_cases(names):
            for runtime in self._asked.runtimes:
                report = self._one(name, runtime)
                self._console.print(*validation.parts(report), sep="\n")
                reports.append(report)
        self._write(Validation(SCHEMA, __version__, tuple(reports)))
        if not all(report.is_valid for report in reports):
            return ExitCode.LAB_INVALID
        return ExitCode.ENVIRONMENT if any(report.hindered for report in reports) else ExitCode.OK

    def _with_cases(self, names: Iterable[str]) -> list[str]:
        """Of the labs those that have one of the cases asked for; all that cannot be read, which is to be told."""
        only = self._asked.only
        if not only:
            return list(names)
        known: dict[str, list[str]] = {}
        for name in names:
            try:
                known[name] = [case.id for case in authors.look(self._catalog.lab(name))[0]]
            except LabInvalid:
                known[name] = list(only)
        every = [case for found in known.values() for case in found]
        for case in only:
            if case not in every:
                raise UnknownName("solution", case, every, "Say KIND/NAME.")
        return [name for name, found in known.items() if not set(only).isdisjoint(found)]

    def _one(self, name: str, runtime: str) -> LabReport:
        seed = self._asked.seed or fresh_seed()
        try:
            lab = self._catalog.lab(name)
            with loaded(lab, runtime) as kept, self._store(lab, runtime, seed) as store:
                return self._of_lab(lab, kept, runtime, store)
        except LabInvalid as fault:
            first, _, rest = fault.message.partition("\n")
            more = rest if "LAB_DEBUG" in os.environ else ""
            advice = fault.hint or "Mend it there; with LAB_DEBUG=1 the whole traceback is shown."
            problem = Problem(f"{first}\n{more}".strip(), advice)
            return LabReport(name, "", runtime, self._asked.mode.value, seed, 0.0, (),
                             (Section("manifest", "", (problem,)),))  # fmt: skip

    def _store(self, lab: Lab, runtime: str, seed: str) -> Store:
        """What is known already, if that is wanted, and room for the rest."""
        asked = self._asked
        digest = of_tree(lab.manifest.parent, *lab.graders, lab.scaffolds)
        key = f"{__version__} {digest} {asked.mode} {asked.runs} {commit_of(lab)}"
        file = cache_folder() / "validate" / f"{lab.pack}-{lab.id}-{runtime}.jsonl"
        return Store(file, key, seed, fixed_seed=asked.seed is not None, resume=asked.resume)

    def _of_lab(self, lab: Lab, kept: KeptGrader, runtime: str, store: Store) -> LabReport:
        asked = self._asked
        wanted = Wanted(
            asked.mode, runtime, asked.runs, asked.jobs, store.seed, commit_of(lab), asked.mutants, asked.only,
            "".join(f" --pack {folder}" for folder in asked.packs), asked.correct,
        )  # fmt: skip

        def grade(solution: Solution, run_seed: str, checks: tuple[str, ...], effort: Effort) -> Result:
            wish = Wish(
                opened(lab), solution, checks, run_seed, runtime, kept=kept, patience=asked.patience, effort=effort
            )
            with grading(wish) as run:
                return fold(run.events())

        report: LabReport | None = None
        stream = reports_of(lab, kept.checks, grade, wanted, store.kept, self._transcripts(lab, kept), kept.close)
        with validation.Watch(self._console, lab, wanted.seed) as watch, contextlib.closing(stream):
            watch.begin(len(wanted.chosen(authors.look(lab)[0])) - len(store.kept))
            for each in stream:
                if isinstance(each, LabReport):
                    report = each
                else:
                    store.add(each)
                    watch.add(each)
        assert report is not None
        return report

    def _transcripts(self, lab: Lab, kept: KeptGrader) -> Callable[[], Section | None]:
        """What learners see is the same in both runtimes, so the lighter one is looked at."""
        if self._asked.only or lab.extension is not None:
            return lambda: None
        return lambda: transcripts.compare(lab, _as_learner(lab, kept))

    def update_transcripts(self, names: Iterable[str]) -> ExitCode:
        """Record anew what learners see, and show the difference; nothing is validated."""
        for name in names:
            lab = self._catalog.lab(name)
            with loaded(lab, "process") as kept:
                for difference in transcripts.update(lab, _as_learner(lab, kept)):
                    self._console.print(difference or "nothing has changed\n", markup=False, end="", soft_wrap=True)
        return ExitCode.OK

    def _write(self, found: Validation) -> None:
        for _, path in self._outputs:
            data = wire.pretty(found)
            if path is None:
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
            else:
                write_whole(path, data)


def _as_learner(lab: Lab, kept: KeptGrader) -> Callable[[Solution, str], Result]:
    """Grades as `lab test` does, up to the first stage that does not pass."""

    def look(solution: Solution, seed: str) -> Result:
        asked = tuple(check.id for check in lab.checks)
        wish = Wish(lab, solution, asked, seed, "process", stop_early=True, start_tries=1, kept=kept)
        with grading(wish) as run:
            return fold(run.events())

    return look


def commit_of(lab: Lab) -> str:
    """The hash of the commit that the lab's pack is at; of its trees, where there is no git."""
    with contextlib.suppress(OSError):  # git is not installed
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=lab.manifest.parent, capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            return done.stdout.strip()
    return of_tree(lab.manifest.parent, *lab.graders, lab.scaffolds)
