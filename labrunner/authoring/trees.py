"""A lab's three trees: nothing in them that does not belong, and every check of the manifest in its place."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labrunner.authoring.cases import MUTANT_FILE, folders
from labrunner.catalog.places import places
from labrunner.catalog.schema import FILE as SCHEMA_FILE
from labrunner.catalog.schema import LINE as SCHEMA_LINE
from labrunner.catalog.schema import text as schema_text
from labrunner.model.lab import Language
from labrunner.model.validation import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from labrunner.model.lab import Lab

TEST_FILE = re.compile(r"test_(\d+)_([a-z0-9_]+)\.py")
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
PICTURES = (".png", ".svg")
GRADER_FOLDERS = ("accepted", "companions", "data", "mutants", "references", "transcripts")


@dataclass(frozen=True, slots=True)
class Defined:
    """A check's function.

    Attributes:
        place: ``graders/<id>/<file>:<line>``.
    """

    id: str
    place: str


# -- what lies where ------------------------------------------------------------------------------------------------


def misplaced(lab: Lab) -> list[Problem]:
    """Files that do not belong, names that are not safe, and a manifest that editors cannot check."""
    return [*_in_labs(lab), *_in_grader(lab), *_in_scaffolds(lab), *_schema(lab)]


def _entries(folder: Path) -> list[Path]:
    """Without what Python, editors and systems leave."""
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in found if not path.name.startswith((".", "__pycache__"))]


def _unexpected(name: str, belongs: str) -> Problem:
    return Problem(f"{name}: an unexpected file.", f"Remove it; here belong {belongs}.")


def _in_labs(lab: Lab) -> Iterator[Problem]:
    for path in _entries(lab.manifest.parent):
        if path.name not in {"lab.toml", "README.md"} and path.suffix not in PICTURES:
            yield _unexpected(f"labs/{lab.id}/{path.name}", "lab.toml, README.md and pictures (.png, .svg)")


def _in_grader(lab: Lab) -> Iterator[Problem]:
    grader = lab.graders[-1]
    slugs = {stage.slug for stage in lab.stages}
    for path in _entries(grader):
        name = f"graders/{lab.id}/{path.name}"
        if (path.is_dir() and path.name not in GRADER_FOLDERS) or (path.is_file() and path.suffix != ".py"):
            yield _unexpected(name, f"*.py and the folders {', '.join(GRADER_FOLDERS)}")
        elif path.name.startswith("test_"):
            yield from _misnamed(name, path.name, slugs)
    for path in _entries(grader / "references"):
        if path.name not in {language.value for language in Language}:
            yield _unexpected(f"graders/{lab.id}/references/{path.name}", "folders named after languages")
    for folder in ("accepted", "mutants"):
        for path in _entries(grader / folder):
            name = f"graders/{lab.id}/{folder}/{path.name}"
            if not path.is_dir() or not NAME.fullmatch(path.name):
                yield Problem(f"{name}: not a safe name for a solution.", "Use a folder named with a-z, 0-9 and '-'.")
    yield from _undescribed(lab, grader)


def _undescribed(lab: Lab, grader: Path) -> Iterator[Problem]:
    for base in (grader / "references", grader / "accepted"):
        for path in folders(base):
            name = f"graders/{lab.id}/{base.name}/{path.name}"
            if not (path / "solution.toml").is_file():
                yield Problem(f"{name}/solution.toml is missing.", "It says the language, and how the service is run.")
            if (path / MUTANT_FILE).is_file():
                yield Problem(f"{name}/{MUTANT_FILE}: a mutant among the correct.", "Move the folder to mutants/.")


def _misnamed(name: str, file: str, slugs: set[str]) -> Iterator[Problem]:
    parts = TEST_FILE.fullmatch(file)
    if parts is None:
        yield Problem(f"{name}: checks stand in test_NN_<stage>.py.", "Rename it, e.g. test_01_first.py.")
    elif parts[2].replace("_", "-") not in slugs:
        wanted = ", ".join(sorted(slugs))
        yield Problem(f"{name}: lab.toml has no stage '{parts[2].replace('_', '-')}'.", f"It has: {wanted}.")


def _in_scaffolds(lab: Lab) -> Iterator[Problem]:
    if lab.extension is not None:
        return
    offered = {language.value for language in lab.languages}
    for path in _entries(lab.scaffolds):
        if path.name not in offered:
            yield _unexpected(f"scaffolds/{lab.id}/{path.name}", f"folders named {', '.join(sorted(offered))}")


def _schema(lab: Lab) -> Iterator[Problem]:
    """Editors check a manifest while it is written, if its first line names the schema."""
    first = lab.manifest.read_text(encoding="utf-8").split("\n", 1)[0]
    if first.strip() != SCHEMA_LINE:
        yield Problem(f"labs/{lab.id}/lab.toml:1: the first line does not name the schema.", f"Write: {SCHEMA_LINE}")
    copy = lab.manifest.parents[1] / SCHEMA_FILE
    if not copy.is_file() or copy.read_text(encoding="utf-8") != schema_text():
        state = "is missing" if not copy.is_file() else "is not the one of this version"
        yield Problem(f"labs/{SCHEMA_FILE} {state}.", f"Type `lab new --schema --pack {copy.parents[1]}`.")


# -- checks, here and there -----------------------------------------------------------------------------------------


def defined(lab: Lab) -> list[Defined]:
    """Every check's function, as written; a file that is no Python is the suite's to complain about."""
    found: list[Defined] = []
    for grader in lab.graders:
        for path in sorted(grader.glob("test_*.py")):
            parts = TEST_FILE.fullmatch(path.name)
            if parts is None:
                continue
            try:
                tree = ast.parse(path.read_bytes())
            except (SyntaxError, ValueError):
                continue
            stage = parts[2].replace("_", "-")
            for node in tree.body:
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                    slug = node.name.removeprefix("test_").replace("_", "-")
                    found.append(Defined(f"{stage}/{slug}", f"graders/{lab.id}/{path.name}:{node.lineno}"))
    return found


def out_of_step(lab: Lab, held: tuple[str, ...]) -> Iterator[Problem]:
    """Checks that stand on one side only, or twice."""
    written: dict[str, list[str]] = defaultdict(list)
    for each in defined(lab):
        written[each.id].append(each.place)
    lines = places(lab)
    for check in lab.checks:
        function = f"test_{check.slug.replace('-', '_')}"
        if check.id not in held:
            where = lines.get(check.id, f"labs/{lab.id}/lab.toml")
            yield Problem(
                f"{where}: there is no check '{check.id}' in graders/{lab.id}.",
                f"Write def {function}(...) in graders/{lab.id}/{_file(lab, check.id)}, or remove the entry.",
            )
        elif len(written[check.id]) > 1:
            yield Problem(
                f"{written[check.id][1]}: the check '{check.id}' stands twice, also in {written[check.id][0]}.",
                "Rename one of the functions.",
            )
    for extra in sorted(set(held) - {check.id for check in lab.checks}):
        where = written[extra][0] if written[extra] else f"graders/{lab.id}"
        yield Problem(
            f"{where}: labs/{lab.id}/lab.toml does not name the check '{extra}'.",
            "Add its [[stages.checks]] entry, or rename the function so that it does not begin with test_.",
        )


def _file(lab: Lab, check: str) -> str:
    """The file in which a check belongs."""
    stage = check.split("/", maxsplit=1)[0]
    number = 1 + [each.slug for each in lab.stages].index(stage)
    return f"test_{number:02}_{stage.replace('-', '_')}.py"
