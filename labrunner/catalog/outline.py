"""What `lab list` shows of each lab, read without the cost of validating the rest of its manifest."""

from __future__ import annotations

import contextlib
import json
import os
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


def outlines(folders: tuple[Path, ...], cache: Path | None = None) -> list[Outline]:
    """Every lab, those of the core pack first, each pack's sorted by id.

    Args:
        folders: further packs.
        cache: where what was read is kept: a manifest of a hundred checks takes as long to parse as the rest of `lab list`.

    Raises:
        LabInvalid: a manifest is wrong.
        UsageError: one of `folders` is no pack.
    """
    kept = _Kept(cache)
    labs = [(pack, name) for pack in packs(folders) for name in names(pack)]
    found: dict[str, Outline] = {}
    # A lab that extends another may be listed before it.
    for pack, name in sorted(labs, key=lambda lab: kept.extends(_manifest(*lab))):
        found[f"{pack.name}:{name}"] = _read(pack, name, found, folders, kept)
    kept.save()
    return [found[f"{pack.name}:{name}"] for pack, name in labs]


def _manifest(pack: Pack, name: str) -> Path:
    return pack.root / "labs" / name / "lab.toml"


def _read(pack: Pack, name: str, found: dict[str, Outline], folders: tuple[Path, ...], kept: _Kept) -> Outline:
    try:
        head = kept.head(_manifest(pack, name))
        shown = called(pack, name)
        if "extends" in head:
            base = found[head["extends"]]
            return base._replace(name=shown, points=base.points | head["points"])
        return Outline(
            name, shown, head["level"], head["hours"], list(head["languages"]), head["summary"], head["points"]
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        # Whoever reads the whole of it says what is wrong, and where.
        from labrunner.catalog.packs import Catalog  # noqa: PLC0415 - only when there is something to complain about

        Catalog(folders).lab(f"{pack.name}:{name}")
        raise


class _Kept:
    """Heads of manifests by path, each with the file's size and time of change. Losing it costs milliseconds."""

    def __init__(self, cache: Path | None) -> None:
        self._path = cache and cache / "outlines.json"
        self._known: dict[str, Any] = {}
        self._used: dict[str, Any] = {}
        with contextlib.suppress(OSError, ValueError):
            known = json.loads(self._path.read_bytes()) if self._path else {}
            self._known = known if isinstance(known, dict) and known.get("form") == FORM else {}

    def head(self, path: Path) -> dict[str, Any]:
        """What an outline needs of a manifest."""
        stat = path.stat()
        mark = [stat.st_mtime_ns, stat.st_size]
        known = self._used.get(str(path)) or self._known.get(str(path))
        if not isinstance(known, list) or len(known) != 2 or known[0] != mark:
            known = [mark, _head(tomllib.loads(path.read_text(encoding="utf-8")))]
        self._used[str(path)] = known
        head: dict[str, Any] = known[1]
        return head

    def extends(self, path: Path) -> bool:
        """Whether a manifest says that its lab extends another; not, where it cannot be read."""
        try:
            return "extends" in self.head(path)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return False

    def save(self) -> None:
        """Keep what was used, when it is not what was known."""
        table = {"form": FORM, **self._used}
        if self._path is None or table == self._known:
            return
        fresh = self._path.with_name(f".outlines.{os.getpid()}")
        with contextlib.suppress(OSError):
            fresh.write_text(json.dumps(table), encoding="utf-8")
            fresh.replace(self._path)


FORM = 1
"""Of what is kept; another one is read anew."""


def _head(table: dict[str, Any]) -> dict[str, Any]:
    wanted = ("extends",) if "extends" in table else ("level", "hours", "languages", "summary")
    return {name: table[name] for name in wanted} | {"points": _points(table)}


def _points(table: dict[str, Any]) -> dict[str, int]:
    return {
        f"{stage['slug']}/{check['slug']}": int(check["points"])
        for stage in table["stages"]
        for check in stage["checks"]
    }
