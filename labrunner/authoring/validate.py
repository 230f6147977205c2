"""The proof that a lab's grader is right: references pass, mutants fail what they name, the scaffold earns its baseline."""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

from labrunner.authoring import cases as authors
from labrunner.catalog.rulebook import rules
from labrunner.model.status import Status
from labrunner.model.validation import CaseKind, CaseReport, LabReport
from labrunner.solution import manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from labrunner.authoring.cases import Case
    from labrunner.model.lab import Lab
    from labrunner.model.result import CheckResult, Result
    from labrunner.model.solution import Solution

MOST_UNDECIDED = 0.05
"""Share of the verdicts on correct solutions that may be inconclusive, also under load."""
_FAILING = {Status.FAILED, Status.LIMIT}


def validate(
    lab: Lab, grade: Callable[[Solution, str], Result], *, runs: int, seed: str, jobs: int
) -> Iterator[CaseReport | LabReport]:
    """Grade all of a lab's own solutions; yields each case's report as it comes, and the lab's at the end.

    Args:
        lab: what to prove.
        grade: grades a solution in full, with a seed.
        runs: how often references and accepted solutions are graded; scaffold and mutants once.
        seed: the runs' own seeds are derived from it.
        jobs: cases at once.

    Raises:
        LabInvalid: something is missing.
    """
    found = authors.find(lab)
    reports: dict[str, CaseReport] = {}
    pool = ThreadPoolExecutor(jobs, thread_name_prefix="validate")
    try:
        futures = {pool.submit(_report, lab, case, grade, runs, seed): case for case in found}
        for future in as_completed(futures):
            case = futures[future]
            reports[f"{case.kind}/{case.name}"] = report = future.result()
            yield report
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    ordered = tuple(reports[f"{case.kind}/{case.name}"] for case in found)
    yield LabReport(lab.id, ordered, (*_never_failed(lab, ordered), *_too_undecided(ordered), *_unwritten_rules(lab)))


def _report(lab: Lab, case: Case, grade: Callable[[Solution, str], Result], runs: int, seed: str) -> CaseReport:
    began = time.monotonic()
    repeats = runs if case.kind in {CaseKind.REFERENCE, CaseKind.ACCEPTED} else 1
    with tempfile.TemporaryDirectory(prefix="lab-validate-") as folder:
        solution = manifest.read(authors.lay_out(case, lab, Path(folder) / "solution"))
        results = [grade(solution, f"{seed}.{case.kind}.{case.name}.{number}") for number in range(repeats)]
    problems = [f"{problem} (seed {result.seed})" for result in results for problem in _problems(lab, case, result)]
    checks = [check for result in results for check in result.checks]
    return CaseReport(
        case.kind,
        case.name,
        repeats,
        time.monotonic() - began,
        tuple(dict.fromkeys(problems)),
        killed_by=tuple(dict.fromkeys(check.id for check in checks if check.status in _FAILING)),
        inconclusive=sum(check.status is Status.INCONCLUSIVE for check in checks),
        verdicts=len(checks),
    )


def _problems(lab: Lab, case: Case, result: Result) -> Iterator[str]:
    if result.problem:
        yield result.problem
        return
    for check in result.checks:
        if check.status is Status.ERRORED:
            yield f"{check.id} errored: {check.outcome.note}"
    if result.startup is not None:
        failure = result.startup.failure
        yield f"it does not start: {failure.got}. {' / '.join(failure.log[-3:])}"
    elif case.kind is CaseKind.SCAFFOLD:
        if result.score.earned != lab.baseline:
            passed = [check.id for check in result.checks if check.status is Status.PASSED]
            yield f"it earns {result.score.earned} points, not the baseline of {lab.baseline} (passed: {', '.join(passed)})"
    elif case.kind is CaseKind.MUTANT:
        yield from _of_mutant(case, result.checks)
    else:
        yield from (_told(check) for check in result.checks if check.status in _FAILING)


def _of_mutant(case: Case, checks: Sequence[CheckResult]) -> Iterator[str]:
    by_id = {check.id: check for check in checks}
    for wanted in case.breaks:
        status = by_id[wanted].status
        if status not in _FAILING:
            yield f"{wanted} must fail it, but is {status}{_blockers(by_id[wanted])}"
    for check in checks:
        if check.status in _FAILING and check.id not in {*case.breaks, *case.may_break}:
            yield f"an unexpected kill: {_told(check)}"


def _blockers(check: CheckResult) -> str:
    blocked_by = check.outcome.blocked_by
    return f" by {', '.join(blocked_by)}" if blocked_by else ""


def _told(check: CheckResult) -> str:
    failure = check.outcome.failure
    evidence = f"expected {failure.expected}, got {failure.got}" if failure else "no evidence"
    return f"{check.id} {check.status} ({check.outcome.reason}): {evidence}"


def _never_failed(lab: Lab, reports: Sequence[CaseReport]) -> Iterator[str]:
    """Checks that no mutant fails: nothing proves that they can."""
    killers = {check for report in reports if report.kind is CaseKind.MUTANT for check in report.killed_by}
    for check in lab.checks:
        if check.id not in killers:
            yield f"{check.id}: no mutant fails it, so nothing proves that it can fail."


def _too_undecided(reports: Sequence[CaseReport]) -> Iterator[str]:
    """Correct solutions must get verdicts, also on a busy machine."""
    good = [report for report in reports if report.kind in {CaseKind.REFERENCE, CaseKind.ACCEPTED}]
    unsure, verdicts = sum(report.inconclusive for report in good), sum(report.verdicts for report in good)
    if unsure > verdicts * MOST_UNDECIDED:
        yield f"{unsure} of {verdicts} verdicts on correct solutions are inconclusive; at most 1 in 20 may be."


def _unwritten_rules(lab: Lab) -> Iterator[str]:
    """Rules that a check cites, but that a learner cannot read."""
    written = rules(lab)
    for check in lab.checks:
        for rule in check.rules:
            if rule not in written:
                yield f"{check.id} cites the rule {rule}, which README.md does not have as a heading."
