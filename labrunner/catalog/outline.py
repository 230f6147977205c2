"""What `lab list` shows of each lab, read without the cost of validating the rest of its manifest."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, NamedTuple

from labrunner.catalog.folders import CORE, names, packs

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
    return [_read(pack, name) for pack in packs(folders) for name in names(pack)]


def _read(pack: Pack, name: str) -> Outline:
    path = pack.root / "labs" / name / "lab.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        called = name if pack.name == CORE else f"{pack.name}:{name}"
        return Outline(
            name, called, table["level"], table["hours"], list(table["languages"]), table["summary"], _points(table)
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        # Whoever reads the whole of it says what is wrong, and where.
        from labrunner.catalog import manifest  # noqa: PLC0415 - only when there is something to complain about

        manifest.read(pack.root, pack.name, name)
        raise


def _points(table: dict[str, Any]) -> dict[str, int]:
    return {
        f"{stage['slug']}/{check['slug']}": int(check["points"])
        for stage in table["stages"]
        for check in stage["checks"]
    }
