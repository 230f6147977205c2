"""What several commands look up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from labrunner.catalog.packs import Catalog
from labrunner.errors import BadSolutionFile, NotASolution, UnknownName
from labrunner.solution import manifest
from labrunner.solution.layout import FILE

if TYPE_CHECKING:
    from labrunner.model.lab import Lab
    from labrunner.model.solution import Solution


def solution_and_lab(
    packs: tuple[Path, ...], path: Path | None = None, lab_id: str | None = None
) -> tuple[Solution, Lab]:
    """The solution at `path` (or around the working directory), and its lab.

    Args:
        packs: further packs.
        path: where to look.
        lab_id: the lab that it must be of; None for whichever it names.

    Raises:
        NotASolution, BadSolutionFile, UnknownName, LabInvalid: as their names say.
    """
    if path is not None and not path.is_dir():
        raise NotASolution(f"There is no directory {path}.", "Give the path of the solution.")
    solution = manifest.read(manifest.find((path or Path.cwd()).resolve()))
    if lab_id is not None and lab_id.rpartition(":")[2] != solution.lab.rpartition(":")[2]:
        raise BadSolutionFile(
            f"{solution.path / FILE} is a solution of '{solution.lab}', not of '{lab_id}'.",
            "Give the path of the right solution.",
        )
    try:
        lab = Catalog(packs).lab(lab_id or solution.lab)
    except UnknownName as fault:
        raise BadSolutionFile(
            f"{solution.path / FILE} names the lab '{solution.lab}', which is not known here.",
            fault.hint if fault.hint.startswith("Did") else "See `lab list`; labs of another pack need --pack DIR.",
        ) from None
    if not lab.takes(solution.language):
        known = ", ".join(language.value for language in lab.languages)
        raise BadSolutionFile(
            f"{solution.path / FILE}: the lab '{lab.id}' is not offered in {solution.language.value}.",
            f"It is offered in {known}.",
        )
    return solution, lab
