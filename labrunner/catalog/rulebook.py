"""The rules in a lab's README: sections headed ``### RL-5: short name``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labrunner.model.lab import Lab

_HEADING = re.compile(r"^(#{1,6})\s+(?:([A-Z]+-\d+)\b:?\s*)?(.*?)\s*$")


def rules(lab: Lab) -> dict[str, str]:
    """Each rule's section by its id, heading included, in the order of the text."""
    return {rule: "\n".join(text for _, text in lines).strip() for rule, lines in _sections(lab).items()}


def places(lab: Lab) -> dict[str, str]:
    """``labs/<id>/README.md:<line>`` of each rule's heading."""
    return {rule: f"labs/{lab.id}/README.md:{lines[0][0]}" for rule, lines in _sections(lab).items()}


def _sections(lab: Lab) -> dict[str, list[tuple[int, str]]]:
    """Each rule's lines with their numbers."""
    found: dict[str, list[tuple[int, str]]] = {}
    current: list[tuple[int, str]] | None = None
    in_fence = False
    for number, line in enumerate(lab.readme.read_text(encoding="utf-8").splitlines(), start=1):
        in_fence ^= line.lstrip().startswith("```")
        heading = None if in_fence else _HEADING.match(line)
        if heading:
            current = found.setdefault(heading[2], []) if heading[2] else None
        if current is not None:
            current.append((number, line))
    return found
