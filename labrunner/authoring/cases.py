"""A lab's own solutions: scaffolds, references, accepted ones, and mutants as overlays of a reference."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labrunner.errors import LabError, LabInvalid
from labrunner.model.validation import CaseKind, Problem
from labrunner.rules.toml_text import Document
from labrunner.solution import manifest, scaffold

if TYPE_CHECKING:
    from pathlib import Path

    from labrunner.model.lab import Lab, Language
    from labrunner.rules.toml_text import Table

MUTANT_FILE = "mutant.toml"
LEAST_SHARE, MOST_SHARE = 0.05, 0.999
"""Of the runs in which a race is caught: below, nobody would see it; above, it is no race."""


@dataclass(frozen=True, slots=True)
class Case:
    """A solution that the lab's author wrote.

    Attributes:
        name: its folder's name.
        base: the solution directory it begins with.
        overlay: a folder whose files replace those of `base`, or None.
        language: set for scaffolds, whose ``solution.toml`` is written by the program.
        about: what a learner got wrong, in a sentence.
        breaks: ids of the checks that must fail it.
        may_break: ids of further checks that may, each for a stated reason.
        caught: the share of runs in which a race is caught; None for what is caught in every run.
    """

    kind: CaseKind
    name: str
    base: Path
    overlay: Path | None = None
    language: Language | None = None
    about: str = ""
    breaks: tuple[str, ...] = ()
    may_break: tuple[str, ...] = ()
    caught: float | None = None

    @property
    def id(self) -> str:
        """``kind/name``, as it is asked for."""
        return f"{self.kind}/{self.name}"


def find(lab: Lab) -> list[Case]:
    """All of them.

    Raises:
        LabInvalid: one that must be there is missing, or a ``mutant.toml`` is wrong.
    """
    found, problems = look(lab)
    if problems:
        raise LabInvalid(problems[0].text, problems[0].next)
    return found


def look(lab: Lab) -> tuple[list[Case], list[Problem]]:
    """Those that are in order, and what is wrong with the others."""
    wanted = [Case(CaseKind.SCAFFOLD, item.value, lab.scaffolds / item.value, language=item) for item in lab.languages]
    wanted += [Case(CaseKind.REFERENCE, item.value, lab.grader / "references" / item.value) for item in lab.languages]
    found = [case for case in wanted if case.base.is_dir()]
    problems = [_missing(lab, case) for case in wanted if not case.base.is_dir()]
    for grader in lab.graders:
        found += [Case(CaseKind.ACCEPTED, path.name, path) for path in folders(grader / "accepted")]
    # A pack that extends a lab proves its own checks; the mutants of the lab are proved where they are written.
    for path in folders(lab.graders[-1] / "mutants"):
        try:
            found.append(_mutant(lab, path))
        except LabError as fault:
            problems.append(Problem(fault.message, fault.hint))
    return found, problems


def _missing(lab: Lab, case: Case) -> Problem:
    part = f"graders/{lab.id}/references" if case.kind is CaseKind.REFERENCE else f"scaffolds/{lab.id}"
    advice = f"Write it; `lab new {lab.id} --pack DIR --lang {case.name}` makes an example in the new folder DIR."
    return Problem(f"{part}/{case.name} is missing, but lab.toml offers the lab in {case.name}.", advice)


def folders(parent: Path) -> list[Path]:
    """Folders in `parent`, sorted; none when it is not there."""
    paths = parent.iterdir() if parent.is_dir() else ()
    return sorted(path for path in paths if path.is_dir() and not path.name.startswith((".", "__pycache__")))


def _mutant(lab: Lab, folder: Path) -> Case:
    path = folder / MUTANT_FILE
    name = f"graders/{lab.id}/mutants/{folder.name}/{MUTANT_FILE}"
    try:
        table = Document(path.read_bytes(), name, LabInvalid).root
    except OSError as fault:
        raise LabInvalid(f"{name} cannot be read: {fault.strerror}.", "Each mutant says what it breaks.") from None
    about = table.text("about")
    of = table.text("of", default=f"references/{lab.languages[0]}")
    base = lab.grader / of
    breaks = table.texts("breaks", least=1)
    caught = table.number("caught", LEAST_SHARE, MOST_SHARE) if "caught" in table else None
    may_break = _may_break(table)
    table.done()
    known = {check.id for check in lab.checks}
    for key, checks in (("breaks", breaks), ("may_break", may_break)):
        for check in checks:
            if check not in known:
                raise table.complain(key, f"there is no check '{check}'.", "Name checks as stage/slug.")
    if not base.is_dir():
        raise table.complain(
            "of", f"there is no folder graders/{lab.id}/{of}.", "Name a reference, e.g. references/python."
        )
    _refuse_stale(name, base, folder)
    return Case(CaseKind.MUTANT, folder.name, base, folder, None, about, breaks, may_break, caught)


def _may_break(table: Table) -> tuple[str, ...]:
    """Checks, each with its reason."""
    if "may_break" not in table:
        return ()
    reasons = table.table("may_break")
    checks = reasons.keys()
    for check in checks:
        reasons.text(check, form="the reason, in a sentence")
    return checks


def _refuse_stale(name: str, base: Path, folder: Path) -> None:
    changed = _files(folder)
    if not changed:
        raise LabInvalid(f"{name}: the mutant changes no file of {base.name}.", "Put the files that differ beside it.")
    for each in changed:
        if not (base / each).is_file():
            raise LabInvalid(
                f"{name}: {each} replaces nothing in {base.parent.name}/{base.name}.",
                "The overlay is stale: make it anew from the reference's files.",
            )
        if (base / each).read_bytes() == (folder / each).read_bytes():
            raise LabInvalid(
                f"{name}: {each} is the same as in {base.parent.name}/{base.name}.",
                "Remove it: an overlay holds only the files that differ.",
            )


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
