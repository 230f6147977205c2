"""``assignment.toml`` to `Assignment`, strictly: every error with file, line and what would be right."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING, Any

from labrunner.catalog.digest import of_tree
from labrunner.errors import BadAssignment
from labrunner.model.assignment import Assignment, Mark, Terms
from labrunner.rules.toml_text import Document, Table

if TYPE_CHECKING:
    from pathlib import Path

_ID = r"([a-z0-9][a-z0-9-]*:)?[a-z0-9][a-z0-9-]{0,63}"
_DIGEST = r"sha256:[0-9a-f]{64}"
MOST_POINTS = 1000


def read(path: Path) -> Assignment:
    """The assignment in `path`.

    Raises:
        BadAssignment: what is wrong, where, and the fix.
    """
    try:
        data = path.read_bytes()
    except OSError as fault:
        raise BadAssignment(
            f"{path} cannot be read: {fault.strerror}.", "Give the path of an assignment.toml."
        ) from None
    table = Document(data, path.name, BadAssignment).root
    terms = Terms(
        title=table.text("title", default=""),
        digest=f"sha256:{hashlib.sha256(data).hexdigest()}",
        minimum=_share(table, "minimum"),
        marks=_marks(table),
        deadline=_deadline(table),
    )
    assignment = Assignment(
        lab=table.text("lab", pattern=_ID, form="the id of a lab"),
        terms=terms,
        stages=table.texts("stages", default=()),
        points=_points(table),
        pack=table.text("pack", default=""),
        pack_digest=table.text("pack_digest", default="", pattern=_DIGEST, form="sha256: and 64 hexadecimal digits"),
    )
    table.done()
    if assignment.pack_digest and not assignment.pack:
        raise table.complain("pack_digest", "there is no pack that it could be of.", "Name the pack: pack = ...")
    return assignment


def _share(table: Table, key: str) -> float | None:
    if key not in table:
        return None
    value = table.number(key, 0.0, 1.0)
    return float(value)


def _marks(table: Table) -> tuple[Mark, ...]:
    if "thresholds" not in table:
        return ()
    rows = table.table("thresholds")
    marks = [Mark(name, float(rows.number(name, 0.0, 1.0))) for name in rows.keys()]  # noqa: SIM118 - it notes them
    return tuple(sorted(marks, key=lambda mark: -mark.share))


def _deadline(table: Table) -> str:
    if "deadline" not in table:
        return ""
    value: Any = table.moment("deadline")
    return str(value.astimezone(dt.UTC).isoformat(timespec="seconds"))


def _points(table: Table) -> tuple[tuple[str, int], ...]:
    if "points" not in table:
        return ()
    rows = table.table("points")
    return tuple((name, rows.integer(name, 0, MOST_POINTS)) for name in rows.keys())  # noqa: SIM118 - it notes them


def pack_of(assignment: Assignment, path: Path) -> Path | None:
    """The folder of the assignment's pack; None when it names none.

    Args:
        assignment: as read.
        path: of its file, from where the pack's is counted.

    Raises:
        BadAssignment: it is not there, or not the pack that was meant.
    """
    if not assignment.pack:
        return None
    folder = path.resolve().parent / assignment.pack
    if not (folder / "labs").is_dir():
        raise BadAssignment(f"{path.name}: {folder} is no pack: it has no folder 'labs'.", "Correct `pack`.")
    if assignment.pack_digest and (digest := pack_digest(folder)) != assignment.pack_digest:
        raise BadAssignment(
            f"{path.name}: the pack at {folder} is not the one that was meant; its digest is {digest}.",
            "Take the pack that was meant, or write this digest as pack_digest.",
        )
    return folder


def pack_digest(folder: Path) -> str:
    """``sha256:<hex>`` of all labs, graders and scaffolds of the pack at `folder`."""
    return of_tree(*(folder / name for name in ("labs", "graders", "scaffolds")))
