"""The build phase tells a package that does not exist from an index that does not answer."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from labrunner.errors import EnvironmentProblem
from labrunner.model.lab import Language
from labrunner.model.solution import Solution
from labrunner.runtimes.process.build import build
from labrunner.solution import intake

if TYPE_CHECKING:
    from pathlib import Path

    from labrunner.model.solution import Staged


def _asking_for(requirement: str, tmp_path: Path) -> Staged:
    folder = tmp_path / "solution"
    folder.mkdir()
    (folder / "main.py").write_text("")
    (folder / "requirements.txt").write_text(requirement)
    return intake.stage(Solution(folder, "greeter", Language.PYTHON, ("python", "main.py")), tmp_path / "copy")


def test_an_index_that_does_not_answer_is_not_the_learners_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E4: the environment's problem, never 0 points."""
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with contextlib.ExitStack() as users, pytest.raises(EnvironmentProblem, match="does not answer"):
        build(_asking_for("any-package==1.0\n", tmp_path), tmp_path / "cache", users)
