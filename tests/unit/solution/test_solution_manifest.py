from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labrunner.errors import BadSolutionFile, EnvironmentProblem, NotASolution
from labrunner.model.lab import Language
from labrunner.solution import manifest
from labrunner.solution.layout import FILE

if TYPE_CHECKING:
    from pathlib import Path

GOOD = 'lab = "greeter"\nlanguage = "python"\nrun = ["python", "main.py"]\n'


def _write(folder: Path, text: str) -> Path:
    (folder / FILE).write_text(text, encoding="utf-8")
    return folder


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    """For each language that has a scaffold."""
    for language in manifest.DEFAULT_RUN:
        manifest.write(tmp_path, "greeter", language)
        solution = manifest.read(tmp_path)
        assert (solution.lab, solution.language, solution.path) == ("greeter", language, tmp_path)
        assert solution.run == manifest.DEFAULT_RUN[language]
        assert solution.build == manifest.DEFAULT_BUILD.get(language, ())


def test_a_solution_is_found_from_any_folder_within(tmp_path: Path) -> None:
    """As git finds its repository."""
    deep = _write(tmp_path, GOOD) / "a" / "b"
    deep.mkdir(parents=True)
    assert manifest.find(deep) == tmp_path


def test_outside_a_solution_one_is_told_how_to_begin(tmp_path: Path) -> None:
    """One sentence, and the command."""
    with pytest.raises(NotASolution, match="not inside a solution") as caught:
        manifest.find(tmp_path)
    assert "lab start" in caught.value.hint


@pytest.mark.parametrize(
    "old, new, line, says, hint",
    [
        ('lab = "greeter"', 'lab = "Greeter!"', 1, "the id of a lab", ""),
        ('lab = "greeter"', "lab = 3", 1, "the id of a lab", ""),
        ('lab = "greeter"\n', "", 1, "'lab' is missing", "lab = ..."),
        ('"python"\nrun', '"pyton"\nrun', 2, "must be one of python", "Did you mean 'python'?"),
        ('["python", "main.py"]', "[]", 3, "at least 1", ""),
        ('["python", "main.py"]', '"python main.py"', 3, "must be an array", ""),
        ('run = ["python", "main.py"]\n', "", 1, "'run' is missing", "run = ..."),
        ('run = ["python"', 'rn = ["python"', 3, "unknown key 'rn'", "Did you mean 'run'?"),
        ("run =", 'biuld = ["make"]\nrun =', 3, "unknown key 'biuld'", "Did you mean 'build'?"),
        ("run =", "run = = ", 3, "not valid TOML", ""),
        ("lab =", "[lab", 1, "not valid TOML", ""),
    ],
)
def test_every_mistake_is_told_with_file_and_line(
    tmp_path: Path, old: str, new: str, line: int, says: str, hint: str
) -> None:
    """``solution.toml:LINE:``, what is wrong there, and what would be right."""
    assert old in GOOD
    with pytest.raises(BadSolutionFile) as caught:
        manifest.read(_write(tmp_path, GOOD.replace(old, new, 1)))
    assert caught.value.message.startswith(f"solution.toml:{line}: ")
    assert says in caught.value.message
    assert hint in caught.value.hint


def test_a_build_command_is_optional(tmp_path: Path) -> None:
    """And is an array too."""
    assert manifest.read(_write(tmp_path, f'{GOOD}build = ["make", "it"]\n')).build == ("make", "it")


def test_a_file_that_cannot_be_read_is_the_machines_fault(tmp_path: Path) -> None:
    """A folder in its place, for one."""
    (tmp_path / FILE).mkdir()
    with pytest.raises(EnvironmentProblem, match="cannot be read"):
        manifest.read(tmp_path)


@pytest.mark.parametrize("language", ["dockerfile", "other"])
def test_languages_without_a_scaffold_can_be_declared(tmp_path: Path, language: str) -> None:
    """They are read; whether a lab offers them is asked elsewhere."""
    text = GOOD.replace('language = "python"', f'language = "{language}"')
    assert manifest.read(_write(tmp_path, text)).language is Language(language)
