"""Content digests of a lab's trees: equal in a checkout, a wheel and an archive."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def of_tree(*roots: Path) -> str:
    """``sha256:<hex>`` over names and contents below `roots`; what Python or a tool leaves there is not looked at."""
    digest = hashlib.sha256()
    for root in roots:
        for name in sorted(_files(root), key=lambda name: name.split("/")):
            content = hashlib.sha256(Path(root, name).read_bytes()).digest()
            digest.update(b"%s\0%s\n" % (name.encode(), content))
    return f"sha256:{digest.hexdigest()}"


def _files(folder: Path | str, prefix: str = "") -> Iterator[str]:
    """Names below `folder`, where there is one. `Path.rglob` would take three times as long, before each run begins."""
    if not os.path.isdir(folder):  # noqa: PTH112 - a Path of each folder would take as long as its listing
        return
    with os.scandir(folder) as found:
        for entry in found:
            if entry.name.startswith((".", "__pycache__")):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path, f"{prefix}{entry.name}/")
            elif entry.is_file():
                yield prefix + entry.name
