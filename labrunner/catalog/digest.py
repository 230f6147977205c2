"""Content digests of a lab's trees: equal in a checkout, a wheel and an archive."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def of_tree(*roots: Path) -> str:
    """``sha256:<hex>`` over names and contents below `roots`; what Python or a tool leaves there is not looked at."""
    digest = hashlib.sha256()
    for root in roots:
        for path in sorted(root.rglob("*")):
            name = path.relative_to(root)
            if path.is_file() and not any(part.startswith((".", "__pycache__")) for part in name.parts):
                digest.update(b"%s\0%s\n" % (name.as_posix().encode(), hashlib.sha256(path.read_bytes()).digest()))
    return f"sha256:{digest.hexdigest()}"
