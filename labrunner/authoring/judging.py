"""What one run of one of the author's solutions shows: marks, problems with their evidence, and how to see them again."""

from __future__ import annotations

import re
import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labrunner.model.result import Fault
from labrunner.model.status import Status
from labrunner.model.validation import CaseKind, CaseReport, Mark, Problem, Share
from labrunner.rules.proportion import refutes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labrunner.authoring.cases import Case
    from labrunner.authoring.wanted import Wanted
    from labrunner.model.lab import Lab
    from labrunner.model.result import CheckResult, Result

FAILING = frozenset({Status.FAILED, Status.LIMIT})
_PLAIN = {
    Status.PASSED: Mark.PASSED,
    Status.BLOCKED: Mark.BLOCKED,
    Status.INCONCLUSIVE: Mark.INCONCLUSIVE,
    Status.ERRORED: Mark.ERRORED,
    Status.SKIPPED: Mark.NOT_RUN,
}
_WORST = (Mark.UNEXPECTED, Mark.ERRORED, Mark.MISSED, Mark.CAUGHT, Mark.ALLOWED, Mark.INCONCLUSIVE, Mark.BLOCKED,
          Mark.PASSED, Mark.NOT_RUN)  # fmt: skip
_LOOKS_LIKE_OURS = re.compile(r"Traceback \(most recent call last\)|\b[A-Z]\w*(?:Error|Exception)\b")
"""In what a check itself says, these are words of a crash, not of a specification."""


@dataclass(slots=True)
class Tally:
    """What is known of a case so far.

    Attributes:
        lab, case, wanted: of what, and as what it was asked for.
        graded: how often it was.
    """

    lab: Lab
    case: Case
    wanted: Wanted
    graded: int = 0
    hindered: str = ""
    problems: list[Problem] = field(default_factory=list)
    marks: dict[str, Mark] = field(default_factory=dict)
    caught: dict[str, int] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    margins: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    load: dict[str, list[float]] = field(default_factory=dict)

    def add(self, result: Result) -> None:
        """Take a run."""
        self.graded += 1
        if result.problem and result.at_fault is Fault.ENVIRONMENT:
            self.hindered = result.problem
            return
        for check in result.checks:
            self._count(check)
        if result.load is not None and result.load.capacity.pairs:
            self.load.setdefault("capacity", []).append(result.load.capacity.median)
            if result.load.latency is not None:
                self.load.setdefault("latency", []).append(result.load.latency.median)
        self.problems += self._of_run(result)

    def _count(self, check: CheckResult) -> None:
        outcome = check.outcome
        if check.status is Status.SKIPPED:
            return
        mark = self._mark(check)
        self.marks[check.id] = min(mark, self.marks.get(check.id, mark), key=_WORST.index)
        self.seen[check.id] = self.seen.get(check.id, 0) + 1
        self.caught[check.id] = self.caught.get(check.id, 0) + (check.status in FAILING)
        self.margins[check.id] = max(outcome.margin, self.margins.get(check.id, 0.0))
        for name, count in (
            ("verdicts", 1),
            ("failed", check.status in FAILING),
            ("inconclusive", check.status is Status.INCONCLUSIVE),
            ("histories", outcome.histories),
            ("unknown", outcome.unknown),
        ):
            self.counts[name] = self.counts.get(name, 0) + count

    def _mark(self, check: CheckResult) -> Mark:
        case = self.case
        if check.status in FAILING:
            if case.kind is CaseKind.SCAFFOLD or check.id in case.breaks:
                return Mark.CAUGHT
            return Mark.ALLOWED if check.id in case.may_break else Mark.UNEXPECTED
        if check.id in case.breaks and check.status is Status.PASSED and case.caught is None:
            return Mark.MISSED
        return _PLAIN[check.status]

    # -- problems -----------------------------------------------------------------------------------------------

    def _of_run(self, result: Result) -> Iterator[Problem]:
        case = self.case
        if result.problem:
            yield Problem(f"{case.id}: {result.problem.splitlines()[0]}")
            return
        if result.startup is not None:
            failure = result.startup.failure
            what = "does not build" if result.startup.reason.value.startswith("BUILD") else "does not start"
            said = " / ".join(failure.log[-3:])
            yield Problem(f"{case.id} {what}: {failure.got}. {said}".strip(), self._advice())
            return
        yield from self._of_grader(result)
        if case.kind is CaseKind.SCAFFOLD:
            yield from self._of_scaffold(result)
        elif case.kind is CaseKind.MUTANT:
            yield from self._of_mutant(result)
        else:
            for check in result.checks:
                if check.status in FAILING:
                    yield Problem(f"{case.id} must pass everything, but {told(check)}", self._foreground(check, result))

    def _advice(self) -> str:
        folder = self.case.overlay or self.case.base
        return f"Look at {folder}; `lab validate {self.lab.name} --case {self.case.id}` tries it alone."

    def _foreground(self, check: CheckResult, result: Result) -> str:
        return self.wanted.foreground(self.lab, self.case, check.id, result.seed)

    def _of_grader(self, result: Result) -> Iterator[Problem]:
        for check in result.checks:
            again = self._foreground(check, result)
            if check.status is Status.ERRORED:
                yield Problem(f"{self.case.id}: {check.id} errored: {check.outcome.note.splitlines()[0]}", again)
            if check.outcome.printed:
                yield Problem(
                    f"{self.case.id}: {check.id} writes to its output: {check.outcome.printed!r}.",
                    "A check speaks by fail(); remove the print.",
                )

    def _of_scaffold(self, result: Result) -> Iterator[Problem]:
        if result.score.earned != self.lab.baseline:
            passed = ", ".join(check.id for check in result.checks if check.status is Status.PASSED) or "nothing"
            yield Problem(
                f"{self.case.id} earns {result.score.earned} points, not the baseline of {self.lab.baseline} "
                f"(passed: {passed}).",
                f"Mend the check that passes it, or write baseline = {result.score.earned} in labs/{self.lab.id}/lab.toml.",
            )
        for check in result.checks:
            failure = check.outcome.failure
            ours = f"{failure.expected} {failure.why}" if failure else ""
            if failure and (_LOOKS_LIKE_OURS.search(ours) or "Traceback" in failure.got):
                yield Problem(
                    f"{self.case.id}: the failure of {check.id} reads as a crash of the grader: {told(check)}",
                    "Say what a correct service does, and what this one did.",
                )

    def _of_mutant(self, result: Result) -> Iterator[Problem]:
        case = self.case
        for check in result.checks:
            if check.id in case.breaks and case.caught is None and check.status not in {*FAILING, Status.SKIPPED}:
                by = f" by {', '.join(check.outcome.blocked_by)}" if check.outcome.blocked_by else ""
                yield Problem(
                    f"{case.id}: {check.id} must fail it, but is {check.status}{by}.", self._foreground(check, result)
                )
            if check.status in FAILING and check.id not in {*case.breaks, *case.may_break}:
                yield Problem(f"{case.id}: an unexpected kill: {told(check)}", self._foreground(check, result))

    # -- the end ------------------------------------------------------------------------------------------------

    def shares(self) -> dict[str, Share]:
        """Of a race, by check."""
        stated = self.case.caught
        if stated is None:
            return {}
        return {
            check: Share(self.caught[check], self.seen[check], stated)
            for check in self.case.breaks
            if check in self.seen
        }

    def report(self, seconds: float) -> CaseReport:
        """What came of it."""
        problems = list(self.problems)
        shares = {} if self.hindered else self.shares()
        for check, share in shares.items():
            if refutes(share.caught, share.runs, share.stated):
                problems.append(
                    Problem(
                        f"{self.case.id}: {check} catches it in {share.caught} of {share.runs} runs; were its share "
                        f"{share.stated:g}, as mutant.toml says, that would be next to impossible.",
                        "Make the check look harder, or state a smaller share in mutant.toml.",
                    )
                )
        return CaseReport(
            self.case.kind,
            self.case.name,
            self.graded,
            seconds,
            tuple(dict.fromkeys(problems)),
            self.hindered,
            self.marks,
            shares,
            margins={check: margin for check, margin in self.margins.items() if margin},
            load={name: statistics.median(ratios) for name, ratios in self.load.items()},
            **self.counts,
        )


def told(check: CheckResult) -> str:
    """A failed check, with its evidence."""
    failure = check.outcome.failure
    evidence = f"expected {failure.expected}, got {failure.got}" if failure else "no evidence"
    return f"{check.id} {check.status} ({check.outcome.reason}): {evidence}"
