"""What `lab validate` finds out about a lab."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field


class CaseKind(enum.StrEnum):
    """What a solution of the lab's author is for."""

    SCAFFOLD = "scaffold"
    REFERENCE = "reference"
    ACCEPTED = "accepted"
    MUTANT = "mutant"


CORRECT = frozenset({CaseKind.REFERENCE, CaseKind.ACCEPTED})


class Mark(enum.StrEnum):
    """What came of one check and one solution, as its author sees it."""

    PASSED = "passed"
    CAUGHT = "caught"
    """It fails a mutant that names it, or the scaffold."""
    MISSED = "missed"
    """It does not fail a mutant that names it."""
    ALLOWED = "allowed"
    """It fails a mutant that says it may, with the reason."""
    UNEXPECTED = "unexpected"
    """It fails a solution that it must not fail."""
    BLOCKED = "blocked"
    INCONCLUSIVE = "inconclusive"
    ERRORED = "errored"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        text: where and what, in a line; then evidence, perhaps.
        next: what to do, a sentence or a command line; empty when the text says it.
    """

    text: str
    next: str = ""


@dataclass(frozen=True, slots=True)
class Share:
    """In how many runs a check caught a race.

    Attributes:
        stated: the share that its author claims.
    """

    caught: int
    runs: int
    stated: float


@dataclass(frozen=True, slots=True)
class CaseReport:
    """One solution, graded some times.

    Attributes:
        runs: how often it was graded.
        seconds: wall time of all runs.
        problems: none means that it did what it must.
        hindered: what on the machine kept it from being graded; empty when nothing did.
        marks: by check; over several runs the worst.
        shares: by check, for races.
        failed, inconclusive, verdicts: how many verdicts there were, over all runs, and of which kind.
        histories, unknown: how many histories oracles searched, and gave up on.
        margins: by check, the largest share of an allowed time that was used up.
        load: by name, the ratios that the load stage measured; empty when it was not run.
    """

    kind: CaseKind
    name: str
    runs: int
    seconds: float
    problems: tuple[Problem, ...] = ()
    hindered: str = ""
    marks: dict[str, Mark] = field(default_factory=dict)
    shares: dict[str, Share] = field(default_factory=dict)
    failed: int = 0
    inconclusive: int = 0
    verdicts: int = 0
    histories: int = 0
    unknown: int = 0
    margins: dict[str, float] = field(default_factory=dict)
    load: dict[str, float] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """``kind/name``, as it is asked for."""
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class Section:
    """A row of the table: one thing that was looked at.

    Attributes:
        facts: what was seen, in a line.
        notes: what the author should know, but need not mend.
    """

    name: str
    facts: str
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LabReport:
    """A lab, validated.

    Attributes:
        lab: as it is called on the command line.
        mode: ``quick``, ``usual`` or ``full``.
        checks: their ids, in the order of the manifest.
    """

    lab: str
    version: str
    runtime: str
    mode: str
    seed: str
    seconds: float
    checks: tuple[str, ...]
    sections: tuple[Section, ...]
    cases: tuple[CaseReport, ...] = ()

    @property
    def is_valid(self) -> bool:
        """Whether nothing is wrong with the lab, as far as the machine let us see."""
        return not any(section.problems for section in self.sections)

    @property
    def hindered(self) -> tuple[str, ...]:
        """What on the machine kept some of it from being seen."""
        return tuple(dict.fromkeys(case.hindered for case in self.cases if case.hindered))


@dataclass(frozen=True, slots=True)
class Validation:
    """Everything that one `lab validate` found out; the form of its JSON."""

    schema: int
    runner: str
    labs: tuple[LabReport, ...]
