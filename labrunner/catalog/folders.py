"""Where packs and their labs lie. Light: `lab list` needs no more."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import labrunner
from labrunner.errors import EnvironmentProblem, LabInvalid, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

CORE = "core"
GROUP = "labrunner.packs"
"""Of the entry points by which an installed package says that it is a pack."""


class Pack(NamedTuple):
    """A folder with ``labs/``, ``graders/`` and ``scaffolds/``."""

    name: str
    root: Path


def core() -> Pack:
    """The pack that comes with the program: inside the wheel, or beside the package in a checkout.

    Raises:
        EnvironmentProblem: the installation is incomplete.
    """
    # Not importlib.resources, which costs a tenth of the time that `lab list` may take.
    package = Path(labrunner.__file__).parent
    for root in (package / "_pack", package.parent):
        if (root / "labs").is_dir():
            return Pack(CORE, root)
    raise EnvironmentProblem(f"The core labs are missing beside {package}.", "Install labrunner again.")


def packs(folders: tuple[Path, ...] = ()) -> tuple[Pack, ...]:
    """The core pack, then those that are installed, then one for each of `folders`, named after it.

    One that is named twice is there once.

    Raises:
        UsageError: one of them is no pack, or two have one name.
        EnvironmentProblem: the installation is incomplete.
    """
    found: dict[str, Pack] = {}
    for pack in (core(), *installed(), *(_pack(folder) for folder in folders)):
        known = found.setdefault(pack.name, pack)
        if known.root.resolve() != pack.root.resolve():
            raise UsageError(
                f"Two packs are called '{pack.name}': {known.root} and {pack.root}.", "Rename the folder of one."
            )
    return tuple(found.values())


def installed() -> list[Pack]:
    """Packs that other packages bring along: ``[project.entry-points."labrunner.packs"] name = "package"``."""
    # Not importlib.metadata, which costs a third of the time that `lab list` may take.
    found: dict[str, Pack] = {}
    for folder in sys.path:
        with contextlib.suppress(OSError):
            for entry in os.scandir(folder or "."):
                if entry.name.endswith(".dist-info"):
                    found |= {pack.name: pack for pack in _brought_by(entry.path)}
    return sorted(found.values())


def _brought_by(metadata: str) -> Iterator[Pack]:
    try:
        text = Path(metadata, "entry_points.txt").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return
    for line in text.partition(f"[{GROUP}]")[2].partition("\n[")[0].splitlines():
        name, equals, package = (part.strip() for part in line.partition("="))
        spec = None
        # What another package says of itself may be wrong, and is no reason to fail here.
        with contextlib.suppress(ImportError, ValueError):
            spec = importlib.util.find_spec(package) if equals and package else None
        for root in (spec.submodule_search_locations or ()) if spec else ():
            if Path(root, "labs").is_dir():
                yield Pack(name, Path(root))


def _pack(folder: Path) -> Pack:
    root = folder.expanduser().resolve()
    if not (root / "labs").is_dir():
        raise UsageError(
            f"{folder} is no pack: it has no folder 'labs'.", "Give the folder that holds labs/ and graders/."
        )
    return Pack(root.name, root)


def names(pack: Pack) -> list[str]:
    """Ids of its labs, sorted.

    Raises:
        LabInvalid: they cannot be read.
    """
    try:
        return sorted(path.parent.name for path in (pack.root / "labs").glob("*/lab.toml"))
    except OSError as fault:
        raise LabInvalid(f"{pack.root / 'labs'} cannot be read: {fault.strerror}.") from None


def called(pack: Pack, name: str) -> str:
    """How a lab is called on the command line: ``id``, or ``pack:id``."""
    return name if pack.name == CORE else f"{pack.name}:{name}"
