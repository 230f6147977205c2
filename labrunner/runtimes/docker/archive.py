"""Trees of files as tar archives, for the engine: every owner, time and mode ours, so that equal trees are equal."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

OWNER = 10001


def of_tree(root: Path, prefix: str = "", only: frozenset[str] | None = None) -> bytes:
    """All files below `root` (only those named in `only`, if given), as a service's user owns them."""
    files = {
        f"{prefix}{path.relative_to(root).as_posix()}": path
        for path in sorted(root.rglob("*"))
        if path.is_file() and (only is None or path.relative_to(root).as_posix() in only)
    }
    return of_files({name: (path.read_bytes(), path.stat().st_mode & 0o777) for name, path in files.items()})


def of_files(files: Mapping[str, tuple[bytes, int]]) -> bytes:
    """Files by name, each content and mode; their folders are added."""
    buffer = io.BytesIO()
    seen: set[str] = set()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, (data, mode) in files.items():
            parts = name.split("/")[:-1]
            for depth in range(1, len(parts) + 1):
                folder = "/".join(parts[:depth])
                if folder not in seen:
                    seen.add(folder)
                    tar.addfile(_entry(folder, 0o755, tarfile.DIRTYPE, 0))
            tar.addfile(_entry(name, mode, tarfile.REGTYPE, len(data)), io.BytesIO(data))
    return buffer.getvalue()


def _entry(name: str, mode: int, kind: bytes, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.size = kind, mode, size
    entry.uid = entry.gid = OWNER
    return entry
