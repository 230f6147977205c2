"""What a solution in Go says of the modules that it requires; both runtimes fetch the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

DOWNLOAD = ("go", "mod", "download")
_NAMES = frozenset({"go.mod", "go.sum", "go.work", "go.work.sum"})


def files(root: Path) -> frozenset[str]:
    """All that `DOWNLOAD` reads, as paths below `root`; empty where nothing has to be fetched.

    A module in a folder of the solution (``replace``, ``go.work``) has a ``go.mod`` of its own, so they are looked for
    everywhere. What lies in ``vendor`` was brought along.
    """
    if (root / "vendor").is_dir() or not any((root / name).is_file() for name in ("go.mod", "go.work")):
        return frozenset()
    found = [path for path in root.rglob("go.*") if path.name in _NAMES and path.is_file()]
    if not any(b"require" in path.read_bytes() for path in found if path.name == "go.mod"):
        return frozenset()
    return frozenset(path.relative_to(root).as_posix() for path in found)
