"""Where in its manifest each check of a lab stands; only for messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labrunner.errors import LabInvalid
from labrunner.rules.toml_text import Document

if TYPE_CHECKING:
    from labrunner.model.lab import Lab


def places(lab: Lab) -> dict[str, str]:
    """``labs/<id>/lab.toml:<line>`` of each check that the lab's own manifest names."""
    document = Document(lab.manifest.read_bytes(), f"labs/{lab.id}/lab.toml", LabInvalid)
    found: dict[str, str] = {}
    for number, stage in enumerate(document.root.tables("stages")):
        slug = stage.text("slug")
        for row, check in enumerate(stage.tables("checks")):
            line = document.line(("stages", number, "checks", row, "slug"))
            found[f"{slug}/{check.text('slug')}"] = f"{document.name}:{line}"
    return found
