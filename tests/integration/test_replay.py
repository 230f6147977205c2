"""`lab replay`: the bytes of a failure, sent again to a fresh service."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.command import lab

GRADER = Path(__file__).parents[2] / "graders" / "http-server"
REFERENCE = GRADER / "references" / "python"


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    """A solution of http-server that has failed a test: it leaves the line feed out."""
    solution = Path(shutil.copytree(REFERENCE, tmp_path / "solution"))
    shutil.copytree(GRADER / "mutants" / "ok-without-line-end", solution, dirs_exist_ok=True)
    done = lab("test", "respond", "--runtime", "process", cwd=solution)
    assert done.code == 1, done.out + done.err
    assert "lab replay 1" in done.out
    return solution


def test_a_failure_that_is_still_there_is_shown_to_be_the_same(failing: Path) -> None:
    """The bytes are those of the failure, and so is the answer, but for its Date."""
    done = lab("replay", "--runtime", "process", cwd=failing)
    assert done.code == 0, done.err
    assert "> GET / HTTP/1.1\\r\\n" in done.out
    assert "The same answer as in the failure." in done.out


def test_a_failure_that_was_mended_shows_the_difference(failing: Path) -> None:
    """Line by line, then and now."""
    shutil.copytree(REFERENCE, failing, dirs_exist_ok=True)
    done = lab("replay", "1", "--runtime", "process", cwd=failing)
    assert done.code == 0, done.err
    assert "- < Content-Length: 2\\r\\n" in done.out
    assert "+ < Content-Length: 3\\r\\n" in done.out


def test_there_is_no_second_failure(failing: Path) -> None:
    """And the message says which is the last."""
    done = lab("replay", "2", "--runtime", "process", cwd=failing)
    assert done.code == 2
    assert "No failure 2: the last one is 1." in done.err
