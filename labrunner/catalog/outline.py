"""What `lab list` shows of each lab, read without the cost of validating the rest of its manifest."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, NamedTuple

from labrunner.catalog.folders import called, names, packs

if TYPE_CHECKING:
    from pathlib import Path

    from labrunner.catalog.folders import Pack


class Outline(NamedTuple):
    """A lab, from afar.

    Attributes:
        name: how it is called on the command line: ``id``, or ``pack:id``.
        points: of each check, by its id.
    """

    id: str
    name: str
    level: str
    hours: int
    languages: list[str]
    summary: str
    points: dict[str, int]


def outlines(folders: tuple[Path, ...]) -> list[Outline]:
    """Every lab, those of the core pack first, each pack's sorted by id.

    Raises:
        LabInvalid: a manifest is wrong.
        UsageError: one of `folders` is no pack.
    """
    found: dict[str, Outline] = {}
    for pack in packs(folders):
        for name in names(pack):
            found[f"{pack.name}:{name}"] = _read(pack, name, found, folders)
    return list(found.values())


def _read(pack: Pack, name: str, found: dict[str, Outline], folders: tuple[Path, ...]) -> Outline:
    path = pack.root / "labs" / name / "lab.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        shown = called(pack, name)
        if "extends" in table:
            base = found[table["extends"]]
            return base._replace(name=shown, points=base.points | _points(table))
        return Outline(
            name, shown, table["level"], table["hours"], list(table["languages"]), table["summary"], _points(table)
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        # Whoever reads the whole of it says what is wrong, and where.
        from labrunner.catalog.packs import Catalog  # noqa: PLC0415 - only when there is something to complain about

        Catalog(folders).lab(f"{pack.name}:{name}")
        raise


def _points(table: dict[str, Any]) -> dict[str, int]:
    return {
        f"{stage['slug']}/{check['slug']}": int(check["points"])
        for stage in table["stages"]
        for check in stage["checks"]
    }
