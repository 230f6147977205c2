"""The rules in a lab's README: sections headed ``### RL-5: short name``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labrunner.model.lab import Lab

_HEADING = re.compile(r"^(#{1,6})\s+(?:([A-Z]+-\d+)\b:?\s*)?(.*?)\s*$")


def rules(lab: Lab) -> dict[str, str]:
    """Each rule's section by its id, heading included, in the order of the text."""
    found: dict[str, list[str]] = {}
    current: list[str] | None = None
    in_fence = False
    for line in lab.readme.read_text(encoding="utf-8").splitlines():
        in_fence ^= line.lstrip().startswith("```")
        heading = None if in_fence else _HEADING.match(line)
        if heading:
            current = found.setdefault(heading[2], []) if heading[2] else None
        if current is not None:
            current.append(line)
    return {rule: "\n".join(lines).strip() for rule, lines in found.items()}
