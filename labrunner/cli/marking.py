"""What a lab's points are for this grade: the options `--assignment` and `--minimum` of `lab grade`."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labrunner.catalog import assignment as assignments
from labrunner.errors import UsageError
from labrunner.model.assignment import Assignment, Terms
from labrunner.rules.assignment import applied

if TYPE_CHECKING:
    from collections.abc import Callable

    from labrunner.model.lab import Lab


@dataclass(frozen=True, slots=True)
class Marking:
    """What was asked for; nothing of it, unless told.

    Attributes:
        pack: the assignment's own.
    """

    assignment: Assignment | None = None
    pack: Path | None = None
    minimum: float | None = None

    @property
    def terms(self) -> Terms | None:
        """As the result keeps them."""
        if self.minimum is None:
            return self.assignment.terms if self.assignment else None
        return replace(self.assignment.terms if self.assignment else Terms(), minimum=self.minimum)

    def packs(self, packs: tuple[Path, ...]) -> tuple[Path, ...]:
        """`packs`, and the assignment's."""
        return (*packs, self.pack) if self.pack else packs

    def lab_id(self, wanted: str | None) -> str | None:
        """The lab that the solution must be of.

        Raises:
            UsageError: the command and the assignment name two.
        """
        if self.assignment is None:
            return wanted
        if wanted is not None and wanted != self.assignment.lab:
            raise UsageError(
                f"The assignment is of the lab '{self.assignment.lab}', not of '{wanted}'.", "Leave out --lab."
            )
        return self.assignment.lab

    def applied(self, lab: Lab) -> Lab:
        """`lab` with the assignment's points."""
        return applied(lab, self.assignment) if self.assignment else lab

    @property
    def stages(self) -> tuple[str, ...]:
        """Those to run; none for all."""
        return self.assignment.stages if self.assignment else ()


def _share(context: click.Context, parameter: click.Parameter, value: str) -> float | None:
    if not value:
        return None
    try:
        share = float(value.removesuffix("%")) / (100 if value.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise click.BadParameter("this must be a share of the points, such as 0.6 or 60%.")
    return share


def marking(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives the command a parameter `marking`."""

    @click.option("--assignment", "assignment_file", type=click.Path(path_type=Path), envvar="LAB_ASSIGNMENT",
                  show_envvar=True, metavar="FILE", help="Stages, points and deadline of an instructor: assignment.toml.")  # fmt: skip
    @click.option("--minimum", default="", callback=_share, envvar="LAB_MINIMUM", show_envvar=True, metavar="SHARE",
                  help="Exit code 0 from this share of the points, e.g. 60%; else every check must pass.")  # fmt: skip
    @functools.wraps(function)
    def gathered(*args: Any, assignment_file: Path | None, minimum: float | None, **given: Any) -> Any:
        found = assignments.read(assignment_file) if assignment_file else None
        pack = assignments.pack_of(found, assignment_file) if found and assignment_file else None
        return function(*args, marking=Marking(found, pack, minimum), **given)

    return gathered
