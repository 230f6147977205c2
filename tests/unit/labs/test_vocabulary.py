"""Graders speak the vocabulary that docs/authoring.md teaches, so any author can do what the first labs do."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from labrunner.catalog.packs import Catalog

if TYPE_CHECKING:
    from collections.abc import Iterator

PUBLIC = ("labrunner.checks", "labrunner.loadtest.user")


@pytest.mark.parametrize("lab_id", [lab.id for lab in Catalog().labs()])
def test_a_grader_imports_only_what_authors_are_shown(lab_id: str) -> None:
    """`labrunner.checks` with its oracles and, in the load generator, the user; no other room of the runner."""
    foreign = [
        f"{path.name}:{line}: {module}"
        for path in Catalog().lab(lab_id).grader.glob("*.py")
        for line, module in _imports(path.read_text(encoding="utf-8"))
        if module.partition(".")[0] == "labrunner" and not module.startswith(PUBLIC)
    ]
    assert not foreign


def _imports(source: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, each.name) for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or ""
