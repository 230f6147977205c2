"""What `lab validate` finds out about a lab."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class CaseKind(enum.StrEnum):
    """What a solution of the lab's author is for."""

    SCAFFOLD = "scaffold"
    REFERENCE = "reference"
    ACCEPTED = "accepted"
    MUTANT = "mutant"


@dataclass(frozen=True, slots=True)
class CaseReport:
    """One solution, graded some times.

    Attributes:
        runs: how often it was graded.
        seconds: wall time of all runs.
        problems: sentences; none means that it did what it must.
        killed_by: ids of the checks that failed it, in any run.
        inconclusive: how many checks came out inconclusive, over all runs.
        verdicts: how many verdicts there were, over all runs.
    """

    kind: CaseKind
    name: str
    runs: int
    seconds: float
    problems: tuple[str, ...]
    killed_by: tuple[str, ...] = ()
    inconclusive: int = 0
    verdicts: int = 0


@dataclass(frozen=True, slots=True)
class LabReport:
    """A lab, validated.

    Attributes:
        problems: of the lab as a whole, beside those of its cases.
    """

    lab: str
    cases: tuple[CaseReport, ...]
    problems: tuple[str, ...]

    @property
    def is_valid(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems and not any(case.problems for case in self.cases)
