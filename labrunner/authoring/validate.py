"""The proof that a lab's grader is right: references pass, mutants fail what they name, the scaffold earns its baseline."""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

from labrunner.authoring import cases as authors
from labrunner.authoring import sections
from labrunner.authoring.judging import Tally
from labrunner.authoring.trees import misplaced, out_of_step
from labrunner.model.status import Status
from labrunner.model.validation import CaseKind, LabReport, Section
from labrunner.solution import manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from labrunner.authoring.cases import Case
    from labrunner.authoring.wanted import Wanted
    from labrunner.model.lab import Lab
    from labrunner.model.result import Result
    from labrunner.model.solution import Solution
    from labrunner.model.validation import CaseReport

    Grade = Callable[[Solution, str, tuple[str, ...]], Result]

MOST_TRIES = 3
"""So often is a mutant graded while a check that must fail it is inconclusive: that is no evidence, for nothing."""


def validate(lab: Lab, held: tuple[str, ...], grade: Grade, wanted: Wanted, kept: dict[str, CaseReport],
             transcripts: Callable[[], Section | None] = lambda: None) -> Iterator[CaseReport | LabReport]:  # fmt: skip
    """Grade a lab's own solutions; yields each one's report as it comes, and the lab's at the end.

    Args:
        lab: what to prove.
        held: ids of the checks that its graders hold.
        grade: grades a solution with a seed, by some of the checks.
        wanted: how much, and how often.
        kept: reports of an earlier validation that need not be made again, by the case's id.
        transcripts: compares what learners see; None when there is nothing to compare.
    """
    began = time.monotonic()
    found, of_cases = authors.look(lab)
    apart = list(out_of_step(lab, held))
    chosen = wanted.chosen(found)
    reports = {case.id: kept[case.id] for case in chosen if case.id in kept}
    # Where the graders and the manifest name different checks, every run would say that and nothing else.
    if not apart:
        for report in _graded(lab, [case for case in chosen if case.id not in reports], grade, wanted):
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


def _graded(lab: Lab, cases: Sequence[Case], grade: Grade, wanted: Wanted) -> Iterator[CaseReport]:
    pool = ThreadPoolExecutor(wanted.jobs, thread_name_prefix="validate")
    try:
        futures = [pool.submit(_report, lab, case, grade, wanted) for case in cases]
        for future in as_completed(futures):
            yield future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _report(lab: Lab, case: Case, grade: Grade, wanted: Wanted) -> CaseReport:
    began = time.monotonic()
    tally = Tally(lab, case, wanted)
    with tempfile.TemporaryDirectory(prefix="lab-validate-") as folder:
        solution = manifest.read(authors.lay_out(case, lab, Path(folder) / "solution"))
        for number in range(wanted.times(case)):
            asked = wanted.asked(lab, case) if number == 0 else wanted.again(lab, case) or wanted.asked(lab, case)
            tally.add(_run(case, solution, asked, grade, wanted, number))
            if tally.hindered:
                break
    return tally.report(time.monotonic() - began)


def _run(case: Case, solution: Solution, asked: tuple[str, ...], grade: Grade, wanted: Wanted, number: int) -> Result:
    """One run; of a mutant once more while that may still catch it."""
    for attempt in range(MOST_TRIES):
        result = grade(solution, wanted.run_seed(case, number + attempt * 1000), asked)
        statuses = {check.status for check in result.checks if check.id in case.breaks}
        if case.kind is not CaseKind.MUTANT or Status.INCONCLUSIVE not in statuses:
            break
    return result
