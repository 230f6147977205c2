"""Labs by name: of the core pack, of installed packs, and of folders named by ``--pack`` or ``LAB_PACK``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labrunner.catalog import extension, manifest
from labrunner.catalog.folders import called, names
from labrunner.catalog.folders import packs as folders_of
from labrunner.errors import LabInvalid, UnknownName, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from labrunner.catalog.folders import Pack
    from labrunner.model.lab import Lab


class Catalog:
    """All labs that can be seen.

    Args:
        folders: roots of further packs, named after their folder.

    Raises:
        UsageError: one of them is no pack.
    """

    def __init__(self, folders: tuple[Path, ...] = ()) -> None:
        self.packs = folders_of(folders)

    def labs(self) -> list[Lab]:
        """Every lab, those of the core pack first, each pack's sorted by id.

        Raises:
            LabInvalid: a manifest is wrong.
        """
        return [self._read(pack, name) for pack in self.packs for name in names(pack)]

    def names(self) -> list[str]:
        """Every lab as it is called on the command line, whether its manifest can be read or not."""
        return [called(pack, name) for pack in self.packs for name in names(pack)]

    def known(self, wanted: str) -> str:
        """The lab's full name on the command line; raises as `lab` does, but does not read its manifest."""
        return called(*self._find(wanted))

    def lab(self, wanted: str) -> Lab:
        """The lab called ``id`` or ``pack:id``.

        Raises:
            UnknownName: there is none.
            UsageError: two packs have one of that name.
            LabInvalid: its manifest is wrong.
        """
        return self._read(*self._find(wanted))

    def _find(self, wanted: str) -> tuple[Pack, str]:
        pack_name, _, name = wanted.rpartition(":")
        found = [pack for pack in self.packs if name in names(pack) and pack_name in {"", pack.name}]
        if not found:
            known = [known for pack in self.packs for known in names(pack)]
            raise UnknownName("lab", wanted, known, hint="See `lab list`.")
        if len(found) > 1:
            choices = " or ".join(f"{pack.name}:{name}" for pack in found)
            raise UsageError(f"More than one pack has a lab '{name}'.", f"Say {choices}.")
        return found[0], name

    def _read(self, pack: Pack, name: str) -> Lab:
        wanted = extension.base_of(pack.root, name)
        if wanted is None:
            return manifest.read(pack.root, pack.name, name)
        try:
            base_pack, base_name = self._find(wanted)
        except UsageError as fault:
            hint = "Name its pack with --pack or LAB_PACK, too."
            raise LabInvalid(f"labs/{name}/lab.toml extends '{wanted}'. {fault.message}", hint) from None
        if base_pack == pack:
            raise LabInvalid(f"labs/{name}/lab.toml extends '{wanted}', which is itself.", "Name another pack's lab.")
        if extension.base_of(base_pack.root, base_name) is not None:
            what = f"labs/{name}/lab.toml extends '{wanted}', which itself extends a lab."
            raise LabInvalid(what, "Extend the lab that stands alone.")
        base = manifest.read(base_pack.root, base_pack.name, base_name)
        return extension.read(pack.root, pack.name, name, base)
