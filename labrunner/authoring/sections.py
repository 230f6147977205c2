"""From what was seen of a lab to the rows of its table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labrunner.authoring.wanted import Mode
from labrunner.catalog import places, rulebook
from labrunner.model.validation import CORRECT, CaseKind, Problem, Section
from labrunner.rules.proportion import NEXT_TO_IMPOSSIBLE, at_most, upper_bound

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from labrunner.authoring.cases import Case
    from labrunner.authoring.wanted import Wanted
    from labrunner.model.lab import Lab
    from labrunner.model.validation import CaseReport

QUIET_BOUND, BUSY_BOUND = 1 / 500, 1 / 20
"""Of the verdicts on correct solutions, so many may be inconclusive on a quiet machine, and under a CPU hog (C-26)."""
UNKNOWN_BOUND = 1 / 100
"""Of the histories that an oracle searches, it may give up on so many (C-26)."""
CLOSEST = 3
"""Margins that the table names; the JSON has all."""
MOST_THRESHOLD = 0.5
"""Of the reference's capacity, a lab may ask for so much: the reference is plain code, not a slow one."""
ACCEPTED_TIMES, SLOW_TIMES = 1.5, 0.6
"""Times the threshold: a solution in a usual framework reaches the one, a slow mutant at most the other."""
CAPACITY = "load/capacity"
COMMON_RULES = "C-"
"""Rules that all labs share; no lab need prove each of them again."""


def manifest(lab: Lab, problems: Sequence[Problem]) -> Section:
    """What lab.toml says, and what lies around it."""
    facts = f"{len(lab.checks)} checks in {len(lab.stages)} stages, {lab.points} points"
    return Section("manifest", facts, tuple(problems))


def sync(lab: Lab, problems: Sequence[Problem]) -> Section:
    """Whether the three trees speak of the same."""
    return Section("sync", "labs, graders and scaffolds agree" if not problems else "they differ", tuple(problems))


def rules(lab: Lab) -> Section:
    """Whether the README's rules and the checks name each other."""
    written, lines = rulebook.places(lab), places.places(lab)
    cited = {rule for check in lab.checks for rule in check.rules} | {each.rule for each in lab.imports.values()}
    problems = [
        Problem(
            f"{_at(lines, check.id)}{check.id} cites the rule {rule}, which labs/{lab.id}/README.md does not have as a "
            "heading.",
            f"Write a section '### {rule}: ...', or correct the entry's `rules`.",
        )
        for check in lab.checks
        for rule in check.rules
        if rule not in written
    ]
    own = [rule for rule in written if not rule.startswith(COMMON_RULES)]
    problems += [
        Problem(
            f"{written[rule]}: no check names the rule {rule}, and a rule that nothing proves is a wish.",
            f"Add it to the `rules` of the check that proves it in labs/{lab.id}/lab.toml, or write that check.",
        )
        for rule in own
        if rule not in cited
    ]
    return Section("rules", f"{sum(rule in cited for rule in own)} of {len(own)} named by checks", tuple(problems))


def _at(lines: Mapping[str, str], check: str) -> str:
    """Where the manifest names a check, as the beginning of a sentence; nothing for one of a lab that is extended."""
    return f"{lines[check]}: " if check in lines else ""


def of_cases(lab: Lab, cases: Sequence[Case], reports: Sequence[CaseReport], wanted: Wanted) -> Iterator[Section]:
    """Rows about the solutions, in order; none for what was not run."""
    by_kind = {kind: [report for report in reports if report.kind is kind] for kind in CaseKind}
    correct = [report for report in reports if report.kind in CORRECT]
    if scaffolds := by_kind[CaseKind.SCAFFOLD]:
        facts = f"{_names(scaffolds)} earn {lab.baseline} of {lab.points} points"
        yield Section("scaffold", facts, _problems(scaffolds))
    for name, kind in (("references", CaseKind.REFERENCE), ("accepted", CaseKind.ACCEPTED)):
        if by_kind[kind]:
            every = sum(case.kind is kind for case in cases)
            some = "" if wanted.only or len(by_kind[kind]) == every else f" (of {every}, by turns)"
            yield Section(name, f"{_names(by_kind[kind])}{some}: {_flakes(by_kind[kind])}", _problems(by_kind[kind]))
    if correct:
        yield _inconclusive(correct)
        yield _unknown(reports)
        yield _margins(correct)
    if not wanted.only:
        yield _mutants(lab, cases, by_kind[CaseKind.MUTANT], wanted)
    elif by_kind[CaseKind.MUTANT]:
        mutants = by_kind[CaseKind.MUTANT]
        yield Section("mutants", _names(mutants), _problems(mutants))
    if lab.load is not None and reports:
        yield _load(lab, cases, reports)


def _names(reports: Sequence[CaseReport]) -> str:
    return ", ".join(report.name for report in reports)


def _problems(reports: Sequence[CaseReport]) -> tuple[Problem, ...]:
    return tuple(problem for report in reports for problem in report.problems)


def _flakes(reports: Sequence[CaseReport]) -> str:
    runs = sum(report.runs for report in reports)
    failed, verdicts = sum(report.failed for report in reports), sum(report.verdicts for report in reports)
    bound = upper_bound(failed, verdicts)
    return f"{runs} runs, {failed} of {verdicts} verdicts failed (flake rate below {bound:.2%} with 95 %)"


def exceeds(count: int, of: int, bound: float) -> bool:
    """Whether `count` of `of` are too many to believe in a rate of at most `bound`."""
    return count > 0 and 1 - at_most(count - 1, of, bound) < NEXT_TO_IMPOSSIBLE


def _inconclusive(reports: Sequence[CaseReport]) -> Section:
    unsure, verdicts = sum(report.inconclusive for report in reports), sum(report.verdicts for report in reports)
    problems = (
        [
            Problem(
                "More than 1 in 20 verdicts on correct solutions are inconclusive.", "Give the checks wider intervals."
            )
        ]
        if exceeds(unsure, verdicts, BUSY_BOUND)
        else []
    )
    notes = (
        ["more than 1 in 500 are inconclusive, the bound for a quiet machine: was this one busy?"]
        if exceeds(unsure, verdicts, QUIET_BOUND)
        else []
    )
    facts = f"{unsure} of {verdicts} verdicts on correct solutions (1 in 500 quiet, 1 in 20 busy)"
    return Section("inconclusive", facts, tuple(problems), tuple(notes))


def _unknown(reports: Sequence[CaseReport]) -> Section:
    unknown, histories = sum(report.unknown for report in reports), sum(report.histories for report in reports)
    problems = (
        [Problem("More than 1 in 100 histories are unknown.", "Make them shorter, or the oracle's bound larger.")]
        if exceeds(unknown, histories, UNKNOWN_BOUND)
        else []
    )
    facts = f"{unknown} of {histories} histories (1 in 100)" if histories else "no history was searched"
    return Section("unknown", facts, tuple(problems))


def _margins(reports: Sequence[CaseReport]) -> Section:
    worst: dict[str, float] = {}
    for report in reports:
        for check, margin in report.margins.items():
            worst[check] = max(margin, worst.get(check, 0.0))
    closest = sorted(worst.items(), key=lambda item: -item[1])[:CLOSEST]
    told = ", ".join(f"{check} {margin:.0%}" for check, margin in closest)
    return Section("margin", f"closest to a deadline: {told}" if told else "no check has a deadline")


def _mutants(lab: Lab, cases: Sequence[Case], reports: Sequence[CaseReport], wanted: Wanted) -> Section:
    """A check that no mutant names has nothing that proves it can fail; that it fails those is proved one by one."""
    named = {check for case in cases if case.kind is CaseKind.MUTANT for check in case.breaks}
    lines = places.places(lab)
    # A pack that extends a lab proves what it adds.
    own = lab.checks if lab.extension is None else [check for check in lab.checks if check.is_added]
    problems = [
        Problem(
            f"{_at(lines, check.id)}{check.id}: no mutant fails it, so nothing proves that it can fail.",
            f'Write graders/{lab.id}/mutants/NAME with breaks = ["{check.id}"].',
        )
        for check in own
        if check.id not in named
    ]
    every = sum(case.kind is CaseKind.MUTANT for case in cases)
    right = sum(not report.problems and not report.hindered for report in reports)
    some = f" (of {every}, by turns)" if len(reports) < every else ""
    races = sum(bool(report.shares) for report in reports)
    depth = "the checks they name and a tenth of the others" if wanted.mode is Mode.QUICK else "all checks"
    facts = f"{right} of {len(reports)} as they should be{some}, against {depth}" + (
        f", {races} races" if races else ""
    )
    return Section("mutants", facts, (*problems, *_problems(reports)))


def _load(lab: Lab, cases: Sequence[Case], reports: Sequence[CaseReport]) -> Section:
    """What PERFORMANCE asks of authors: thresholds that a usual framework clears, and that a slow solution misses."""
    assert lab.load is not None
    least = lab.load.capacity
    problems = []
    if least > MOST_THRESHOLD:
        problems.append(
            Problem(f"labs/{lab.id}/lab.toml: [load] capacity = {least:g} asks for more than half of the reference's.",
                    f"Write at most {MOST_THRESHOLD:g}.")
        )  # fmt: skip
    slow = {case.id for case in cases if CAPACITY in case.breaks}
    for report in reports:
        ratio = report.load.get("capacity")
        if ratio is None:
            continue
        if report.kind is CaseKind.ACCEPTED and ratio < ACCEPTED_TIMES * least:
            what = f"{report.id} has {ratio:.2f} of the reference's capacity; {ACCEPTED_TIMES * least:.2f} is wanted."
            problems.append(Problem(what, f"Lower [load] capacity in labs/{lab.id}/lab.toml."))
        if report.id in slow and ratio > SLOW_TIMES * least:
            what = f"{report.id} has {ratio:.2f} of the reference's capacity; at most {SLOW_TIMES * least:.2f} is slow."
            problems.append(Problem(what, "Make it slower: between the two, chance decides."))
    told = [f"{report.name} {ratio:.2f}" for report in reports if (ratio := report.load.get("capacity")) is not None]
    facts = f"capacity, at least {least:g} of the reference's: {', '.join(told)}" if told else "not measured"
    return Section("load", facts, tuple(problems))
