"""The guides name what there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from labrunner.cli.app import COMMANDS
from labrunner.errors import ExitCode
from labrunner.model.status import Status

DOCS = Path(__file__).parents[3] / "docs"
FOR_LEARNERS = [name for name, entry in COMMANDS.items() if entry.section in {"Learn", "Machine"}]


@pytest.mark.parametrize("name", FOR_LEARNERS)
def test_every_command_for_learners_is_in_their_guide(name: str) -> None:
    """Where it is of use, not only in a table of commands."""
    assert f"`lab {name}" in (DOCS / "learning.md").read_text() or f"$(lab {name}" in (DOCS / "learning.md").read_text()


@pytest.mark.parametrize("status", Status)
def test_every_verdict_is_explained(status: Status) -> None:
    """A row of the table each."""
    assert f"| {status} |" in (DOCS / "learning.md").read_text()


@pytest.mark.parametrize("code", ExitCode)
def test_every_exit_code_is_documented(code: ExitCode) -> None:
    """A row of the table each."""
    assert f"| {code.value} |" in (DOCS / "learning.md").read_text()
