"""Where labs come from: the core pack, and folders named by ``--pack`` or ``LAB_PACK``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import labrunner
from labrunner.catalog import manifest
from labrunner.errors import EnvironmentProblem, LabInvalid, UnknownName, UsageError
from labrunner.model.lab import Lab

CORE = "core"


@dataclass(frozen=True, slots=True)
class Pack:
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


class Catalog:
    """All labs that can be seen.

    Args:
        folders: roots of further packs, named after their folder.

    Raises:
        UsageError: one of them is no pack.
    """

    def __init__(self, folders: tuple[Path, ...] = ()) -> None:
        self.packs = (core(), *(_pack(folder) for folder in folders))

    def labs(self) -> list[Lab]:
        """Every lab, those of the core pack first, each pack's sorted by id.

        Raises:
            LabInvalid: a manifest is wrong.
        """
        return [self._read(pack, name) for pack in self.packs for name in _names(pack)]

    def lab(self, wanted: str) -> Lab:
        """The lab called ``id`` or ``pack:id``.

        Raises:
            UnknownName: there is none.
            UsageError: two packs have one of that name.
            LabInvalid: its manifest is wrong.
        """
        pack_name, _, name = wanted.rpartition(":")
        found = [pack for pack in self.packs if name in _names(pack) and pack_name in {"", pack.name}]
        if not found:
            known = [known for pack in self.packs for known in _names(pack)]
            raise UnknownName("lab", wanted, known, hint="See `lab list`.")
        if len(found) > 1:
            choices = " or ".join(f"{pack.name}:{name}" for pack in found)
            raise UsageError(f"More than one pack has a lab '{name}'.", f"Say {choices}.")
        return self._read(found[0], name)

    @staticmethod
    def _read(pack: Pack, name: str) -> Lab:
        return manifest.read(pack.root, pack.name, name)


def _pack(folder: Path) -> Pack:
    root = folder.expanduser().resolve()
    if not (root / "labs").is_dir():
        raise UsageError(
            f"{folder} is no pack: it has no folder 'labs'.", "Give the folder that holds labs/ and graders/."
        )
    return Pack(root.name, root)


def _names(pack: Pack) -> list[str]:
    try:
        return sorted(path.parent.name for path in (pack.root / "labs").glob("*/lab.toml"))
    except OSError as fault:
        raise LabInvalid(f"{pack.root / 'labs'} cannot be read: {fault.strerror}.") from None
