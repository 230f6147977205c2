"""Results by content, so that what was graded once is not graded again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import labrunner
from labrunner.catalog.digest import of_tree
from labrunner.errors import LabError
from labrunner.grading.workplace import workplace
from labrunner.ports.runtime import NotStarted
from labrunner.rules import stored, wire
from labrunner.rules.assignment import counts
from labrunner.rules.canonical import canonical
from labrunner.solution import intake
from labrunner.solution.places import cache_folder
from labrunner.solution.progress import write_whole

if TYPE_CHECKING:
    from labrunner.model.result import Result
    from labrunner.wiring.runs import Wish


def content_key(wish: Wish) -> str:
    """Hexadecimal digest of all that a result depends on: solution, lab, grader, runner, runtime, what was asked for.

    Empty when the solution is not even copied: then it is graded, and refused.
    """
    with workplace(cache_folder()) as work:
        try:
            solution = intake.stage(wish.solution, work / "solution").digest
        except NotStarted:
            return ""
    lab = wish.lab
    parts = [
        solution, of_tree(lab.manifest.parent, lab.scaffolds), of_tree(*lab.graders), runner_digest(), wish.runtime,
        wish.needs_strong_isolation, wish.effort, lab.id, list(wish.asked), {check.id: check.points for check in lab.checks},
        wish.solution.language.value, wish.terms.digest if wish.terms else "", wish.terms.minimum if wish.terms else None,
    ]  # fmt: skip
    return hashlib.sha256(canonical(parts)).hexdigest()


def runner_digest() -> str:
    """``sha256:<hex>`` of this program, images included."""
    return of_tree(Path(labrunner.__file__).parent)


class Kept:
    """A folder of results. Whoever can write it can grade: keep it out of reach of what is graded."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, key: str) -> Result | None:
        """The result of that content; None when there is none that can be read."""
        if not key:
            return None
        try:
            return stored.result_of(self._path(key).read_bytes(), key)
        except (OSError, LabError):
            return None

    def keep(self, key: str, result: Result) -> None:
        """Keep `result`, if it is complete; what is undecided is worth another run.

        Raises:
            EnvironmentProblem: the folder cannot be written.
        """
        if key and counts(result):
            write_whole(self._path(key), wire.pretty(result))

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.json"
