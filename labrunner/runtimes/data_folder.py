"""What a lab may ask of ``DATA_DIR`` beyond its being there: folders in it, made before the service starts.

A lab's environment names such a folder as ``$DATA_DIR/NAME``; only the runtime knows where that is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MARK = "$DATA_DIR/"


def settle(environment: Mapping[str, str], data: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """The environment with real paths, and the folders that must be made.

    Args:
        environment: the lab's variables.
        data: ``DATA_DIR`` as the service sees it.
    """
    names = [value.removeprefix(MARK) for value in environment.values() if value.startswith(MARK)]
    settled = {
        key: f"{data}/{value.removeprefix(MARK)}" if value.startswith(MARK) else value
        for key, value in environment.items()
    }
    return settled, tuple(f"{data}/{name}" for name in dict.fromkeys(names))
