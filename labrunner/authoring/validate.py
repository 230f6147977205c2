"""The proof that a lab's grader is right: references pass, mutants fail what they name, the scaffold earns its baseline."""

from __future__ import annotations

import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

from labrunner.authoring import cases as authors
from labrunner.authoring import sections
from labrunner.authoring.judging import Tally
from labrunner.authoring.trees import misplaced, out_of_step
from labrunner.errors import EnvironmentProblem
from labrunner.model.status import Status
from labrunner.model.validation import CaseKind, LabReport, Section
from labrunner.solution import manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from labrunner.authoring.cases import Case
    from labrunner.authoring.wanted import Wanted
    from labrunner.model.effort import Effort
    from labrunner.model.lab import Lab
    from labrunner.model.result import Result
    from labrunner.model.solution import Solution
    from labrunner.model.validation import CaseReport

    Grade = Callable[[Solution, str, tuple[str, ...], Effort], Result]

LOAD_RUNS = 500
"""Numbers of runs under load begin here, so that they have seeds of their own."""
MOST_TRIES = 3
"""So often is a mutant graded while a check that must fail it is inconclusive: that is no evidence, for nothing."""


def validate(lab: Lab, held: tuple[str, ...], grade: Grade, wanted: Wanted, kept: dict[str, CaseReport],
             transcripts: Callable[[], Section | None] = lambda: None, abort: Callable[[], None] = lambda: None,
             ) -> Generator[CaseReport | LabReport, None, None]:  # fmt: skip
    """Grade a lab's own solutions; yields each one's report as it comes, and the lab's at the end.

    Args:
        lab: what to prove.
        held: ids of the checks that its graders hold.
        grade: grades a solution with a seed, by some of the checks, with some effort.
        wanted: how much, and how often.
        kept: reports of an earlier validation that need not be made again, by the case's id.
        transcripts: compares what learners see; None when there is nothing to compare.
        abort: makes runs under way end, when nobody wants them any more.
    """
    began = time.monotonic()
    found, of_cases = authors.look(lab)
    apart = list(out_of_step(lab, held))
    chosen = wanted.chosen(found)
    reports = {case.id: kept[case.id] for case in chosen if case.id in kept}
    # Where the graders and the manifest name different checks, every run would say that and nothing else.
    if not apart:
        for report in _graded(lab, [case for case in chosen if case.id not in reports], grade, wanted, abort):
            reports[report.id] = report
            yield report
    ordered = tuple(reports[case.id] for case in chosen if case.id in reports)
    told = transcripts() if ordered else None
    rows = [
        sections.manifest(lab, misplaced(lab)),
        sections.sync(lab, [*apart, *of_cases]),
        *sections.of_cases(lab, found, ordered, wanted),
        sections.rules(lab),
        *([told] if told else []),
    ]
    yield LabReport(
        lab.name, lab.version, wanted.runtime, wanted.mode.value, wanted.seed, time.monotonic() - began,
        tuple(check.id for check in lab.checks), tuple(rows), ordered,
    )  # fmt: skip


def _graded(lab: Lab, cases: Sequence[Case], grade: Grade, wanted: Wanted, abort: Callable[[], None]
            ) -> Iterator[CaseReport]:  # fmt: skip
    pool = ThreadPoolExecutor(wanted.jobs, thread_name_prefix="validate")
    stopped, able = threading.Event(), threading.Event()
    try:
        works = [_Work(lab, case, grade, wanted, stopped, able) for case in cases]
        futures = {pool.submit(work.functional): work for work in works}
        for future in as_completed(futures):
            future.result()
            if not futures[future].asks_for_load:
                yield futures[future].report()
        # What is measured must find a machine that does nothing else.
        for work in works:
            if work.asks_for_load:
                work.under_load()
                yield work.report()
    except BaseException:
        # Nobody waits for runs under way: without their grader they end at once.
        stopped.set()
        pool.shutdown(wait=False, cancel_futures=True)
        abort()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class _Work:
    """One solution's runs: what can be done beside others, and what cannot.

    Args:
        lab, case, grade, wanted: as `validate` was given them.
        stopped: set when nobody wants runs any more.
        able: set by the first run that came to its end: this machine can do it. What keeps a later one from that is about one
            solution, and no reason to throw away hours of others.
    """

    def __init__(
        self, lab: Lab, case: Case, grade: Grade, wanted: Wanted, stopped: threading.Event, able: threading.Event
    ) -> None:
        self._lab = lab
        self._case = case
        self._grade = grade
        self._wanted = wanted
        self._stopped = stopped
        self._able = able
        self._tally = Tally(lab, case, wanted)
        self._measured = wanted.measured(lab, case)
        self._seconds = 0.0

    @property
    def asks_for_load(self) -> bool:
        """Whether it is also measured."""
        return bool(self._measured)

    def functional(self) -> None:
        """All its runs but those under load."""
        wanted, lab, case = self._wanted, self._lab, self._case
        further = wanted.again(lab, case)
        times = wanted.times(case) if further else 1
        self._grade_each([wanted.asked(lab, case), *[further] * (times - 1)], first=0)

    def under_load(self) -> None:
        """Its runs under load: a mutant's is one."""
        times = self._wanted.times(self._case)
        self._grade_each([self._measured] * times, first=LOAD_RUNS)

    def _grade_each(self, runs: Sequence[tuple[str, ...]], *, first: int) -> None:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="lab-validate-") as folder:
            solution = manifest.read(authors.lay_out(self._case, self._lab, Path(folder) / "solution"))
            for number, asked in enumerate(runs, start=first):
                if self._stopped.is_set() or self._tally.hindered:
                    break
                try:
                    self._tally.add(_run(self._case, solution, asked, self._grade, self._wanted, number))
                    self._able.set()
                except EnvironmentProblem as fault:
                    if not self._able.is_set():
                        raise
                    self._tally.hindered = fault.message
        self._seconds += time.monotonic() - began

    def report(self) -> CaseReport:
        """What came of them."""
        return self._tally.report(self._seconds)


def _run(case: Case, solution: Solution, asked: tuple[str, ...], grade: Grade, wanted: Wanted, number: int) -> Result:
    """One run; of a mutant once more while that may still catch it."""
    result = grade(solution, wanted.run_seed(case, number), asked, wanted.effort(case))
    for attempt in range(1, MOST_TRIES):
        statuses = {check.status for check in result.checks if check.id in case.breaks}
        if case.kind is not CaseKind.MUTANT or Status.INCONCLUSIVE not in statuses:
            break
        result = grade(solution, wanted.run_seed(case, number + attempt * 1000), asked, wanted.effort(case))
    return result
