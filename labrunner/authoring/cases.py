"""A lab's own solutions: scaffolds, references, accepted ones, and mutants as overlays of a reference."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labrunner.errors import LabInvalid
from labrunner.model.validation import CaseKind
from labrunner.rules.toml_text import Document
from labrunner.solution import manifest, scaffold

if TYPE_CHECKING:
    from pathlib import Path

    from labrunner.model.lab import Lab, Language

MUTANT_FILE = "mutant.toml"


@dataclass(frozen=True, slots=True)
class Case:
    """A solution that the lab's author wrote.

    Attributes:
        name: its folder's name.
        base: the solution directory it begins with.
        overlay: a folder whose files replace those of `base`, or None.
        language: set for scaffolds, whose ``solution.toml`` is written by the program.
        breaks: ids of the checks that must fail it.
        may_break: ids of further checks that may, each for a stated reason.
    """

    kind: CaseKind
    name: str
    base: Path
    overlay: Path | None = None
    language: Language | None = None
    breaks: tuple[str, ...] = ()
    may_break: tuple[str, ...] = ()


def find(lab: Lab) -> list[Case]:
    """All of them.

    Raises:
        LabInvalid: one that must be there is missing, or a ``mutant.toml`` is wrong.
    """
    cases = [Case(CaseKind.SCAFFOLD, item.value, lab.scaffolds / item.value, language=item) for item in lab.languages]
    cases += [Case(CaseKind.REFERENCE, item.value, lab.grader / "references" / item.value) for item in lab.languages]
    for case in cases:
        if not case.base.is_dir():
            raise LabInvalid(
                f"The lab '{lab.id}' has no {case.kind} in {case.name}: {case.base} is missing.", "Write it."
            )
    cases += [Case(CaseKind.ACCEPTED, path.name, path) for path in _folders(lab.grader / "accepted")]
    cases += [_mutant(lab, path) for path in _folders(lab.grader / "mutants")]
    return cases


def _folders(parent: Path) -> list[Path]:
    return sorted(path for path in parent.iterdir() if path.is_dir()) if parent.is_dir() else []


def _mutant(lab: Lab, folder: Path) -> Case:
    path = folder / MUTANT_FILE
    name = f"graders/{lab.id}/mutants/{folder.name}/{MUTANT_FILE}"
    try:
        table = Document(path.read_bytes(), name, LabInvalid).root
    except OSError as fault:
        raise LabInvalid(f"{name} cannot be read: {fault.strerror}.", "Each mutant says what it breaks.") from None
    table.text("about")
    base = lab.grader / table.text("of", default=f"references/{lab.languages[0]}")
    breaks = table.texts("breaks", least=1)
    may_break = table.table("may_break").keys() if "may_break" in table else ()
    table.done()
    known = {check.id for check in lab.checks}
    for check in (*breaks, *may_break):
        if check not in known:
            raise table.complain("breaks", f"there is no check '{check}'.", "Name checks as stage/slug.")
    if not base.is_dir():
        raise table.complain("of", f"there is no folder {base}.", "Name a reference, e.g. references/python.")
    if not _files(folder):
        raise LabInvalid(f"{name}: the mutant changes no file of {base.name}.", "Put the files that differ beside it.")
    for changed in _files(folder):
        if not (base / changed).is_file():
            raise LabInvalid(
                f"{name}: {changed} replaces nothing in {base.name}.", "The overlay is stale: make it anew."
            )
    return Case(CaseKind.MUTANT, folder.name, base, folder, breaks=breaks, may_break=may_break)


def _files(overlay: Path) -> list[str]:
    paths = (path for path in sorted(overlay.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    return [str(path.relative_to(overlay)) for path in paths if path.name != MUTANT_FILE]


def lay_out(case: Case, lab: Lab, target: Path) -> Path:
    """Write the case as a solution directory at `target`, which must not exist; returns it."""
    if case.language is not None:
        scaffold.start(lab, case.language, target)
        return target
    shutil.copytree(case.base, target, ignore=shutil.ignore_patterns("__pycache__"))
    if case.overlay is not None:
        for name in _files(case.overlay):
            shutil.copyfile(case.overlay / name, target / name)
    manifest.find(target)
    return target
