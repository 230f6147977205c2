"""A pack that adds checks to another pack's lab: ``extends = "pack:id"`` in its ``lab.toml``.

That is how an instructor keeps checks that learners do not have: the same lab, the same solutions, more questions.
"""

from __future__ import annotations

import dataclasses
import tomllib
from typing import TYPE_CHECKING

from labrunner.catalog.manifest import stages_of, version_of
from labrunner.errors import LabInvalid
from labrunner.rules.toml_text import Document

if TYPE_CHECKING:
    from pathlib import Path

    from labrunner.model.lab import Lab

KEY = "extends"
_FORM = r"[^:\s]+:[a-z0-9-]+"


def base_of(root: Path, name: str) -> str | None:
    """What the lab `name` of the pack at `root` extends; None for a lab that stands alone, or cannot be read."""
    try:
        wanted = tomllib.loads((root / "labs" / name / "lab.toml").read_text(encoding="utf-8")).get(KEY)
    except (OSError, ValueError, RecursionError):
        return None
    return None if wanted is None else str(wanted)


def read(root: Path, pack: str, name: str, base: Lab) -> Lab:
    """`base` with what the pack at `root` adds to it.

    Raises:
        LabInvalid: what is wrong, where, and the fix.
    """
    path = root / "labs" / name / "lab.toml"
    table = Document(path.read_bytes(), f"labs/{name}/lab.toml", LabInvalid).root
    table.text(KEY, pattern=_FORM, form="pack:id of the lab that is extended")
    if base.id != name:
        raise table.complain(KEY, f"it extends '{base.id}', but the folder is called '{name}'.", "Make them equal.")
    if not base.grader.is_dir():
        raise table.complain(KEY, f"the pack '{base.pack}' holds no grader for '{base.id}'.", "Use one that does.")
    lab = dataclasses.replace(
        base,
        version=version_of(table),
        stages=stages_of(table, base.stages),
        baseline=table.integer("baseline", 0, 1_000_000) if "baseline" in table else base.baseline,
        pack=pack,
        manifest=path,
        extension=root / "graders" / name,
    )
    table.done()
    return lab
