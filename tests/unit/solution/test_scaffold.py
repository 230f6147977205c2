from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from labrunner.errors import EnvironmentProblem, UnknownName, UsageError
from labrunner.model.lab import Language
from labrunner.solution import manifest, scaffold

if TYPE_CHECKING:
    from pathlib import Path

    from labrunner.model.lab import Lab

FILES = [".gitignore", "README.md", "main.py", "solution.toml"]


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_start_writes_a_whole_solution(greeter: Lab, tmp_path: Path) -> None:
    """The lab's text, the scaffold, solution.toml and .gitignore; ready to be read."""
    folder = tmp_path / "a" / "mine"
    scaffold.start(greeter, Language.PYTHON, folder)
    assert _names(folder) == FILES
    assert manifest.read(folder).lab == "greeter"
    assert ".lab/" in (folder / ".gitignore").read_text()
    assert (folder / "README.md").read_bytes() == greeter.readme.read_bytes()


def test_an_empty_folder_may_be_used(greeter: Lab, tmp_path: Path) -> None:
    """As after `mkdir` or in a fresh repository's place."""
    scaffold.start(greeter, Language.PYTHON, tmp_path)
    assert _names(tmp_path) == FILES


@pytest.mark.parametrize("what", ["file", "full", "dot-file"])
def test_a_start_never_overwrites(greeter: Lab, tmp_path: Path, what: str) -> None:
    """Whatever is in the way stays as it is."""
    folder = tmp_path / "mine"
    precious = folder if what == "file" else folder / (".hidden" if what == "dot-file" else "main.py")
    precious.parent.mkdir(parents=True, exist_ok=True)
    precious.write_text("mine")
    with pytest.raises(UsageError, match="already there and not empty"):
        scaffold.start(greeter, Language.PYTHON, folder)
    assert precious.read_text() == "mine"
    assert len(list(tmp_path.rglob("*"))) == (1 if what == "file" else 2)


def test_a_start_below_a_file_is_refused_and_leaves_nothing(greeter: Lab, tmp_path: Path) -> None:
    """One sentence, nothing half-made."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(EnvironmentProblem, match="cannot be written"):
        scaffold.start(greeter, Language.PYTHON, tmp_path / "file" / "mine")
    assert _names(tmp_path) == ["file"]


@pytest.mark.parametrize("was_there", [True, False])
def test_a_start_that_fails_half_way_leaves_nothing(greeter: Lab, tmp_path: Path, was_there: bool) -> None:
    """All of it or nothing: so the next start is not refused for the rest of this one."""
    scaffolds = tmp_path / "scaffolds"
    shutil.copytree(greeter.scaffolds, scaffolds)
    (scaffolds / "python" / "solution.toml").mkdir()  # the program's own file cannot be written over a folder
    (scaffolds / "python" / "solution.toml" / "x").write_text("x")
    folder = tmp_path / "mine"
    if was_there:
        folder.mkdir()
    with pytest.raises(EnvironmentProblem, match="cannot be written"):
        scaffold.start(replace(greeter, scaffolds=scaffolds), Language.PYTHON, folder)
    assert folder.exists() == was_there
    if was_there:
        assert _names(folder) == []


def test_a_reset_brings_files_back_and_keeps_what_was_there(greeter: Lab, tmp_path: Path) -> None:
    """Nothing of the learner's is ever lost: changed files are in the backup, others stay."""
    scaffold.start(greeter, Language.PYTHON, tmp_path)
    original = (tmp_path / "main.py").read_bytes()
    (tmp_path / "main.py").write_text("my work")
    (tmp_path / "own.py").write_text("my own")
    names, backup = scaffold.reset(greeter, Language.PYTHON, tmp_path, None)
    assert sorted(names) == ["README.md", "main.py"]
    assert (tmp_path / "main.py").read_bytes() == original
    assert (backup / "main.py").read_text() == "my work"
    assert (tmp_path / "own.py").read_text() == "my own"


def test_a_reset_of_one_file_leaves_the_others(greeter: Lab, tmp_path: Path) -> None:
    """By its name in the solution."""
    scaffold.start(greeter, Language.PYTHON, tmp_path)
    (tmp_path / "main.py").write_text("my work")
    (tmp_path / "README.md").unlink()
    names, _ = scaffold.reset(greeter, Language.PYTHON, tmp_path, "README.md")
    assert names == ["README.md"]
    assert (tmp_path / "README.md").is_file()
    assert (tmp_path / "main.py").read_text() == "my work"


def test_resets_of_one_second_have_backups_of_their_own(greeter: Lab, tmp_path: Path) -> None:
    """The second does not overwrite the first's."""
    scaffold.start(greeter, Language.PYTHON, tmp_path)
    for number in range(5):
        (tmp_path / "main.py").write_text(f"work {number}")
        scaffold.reset(greeter, Language.PYTHON, tmp_path, "main.py")
    kept = sorted(path.read_text() for path in (tmp_path / ".lab" / "backups").rglob("main.py"))
    assert kept == [f"work {number}" for number in range(5)]


@pytest.mark.parametrize("name", ["mian.py", "solution.toml", "../x", "/etc/passwd", ""])
def test_a_reset_knows_only_the_scaffolds_files(greeter: Lab, tmp_path: Path, name: str) -> None:
    """Nothing outside can be named."""
    scaffold.start(greeter, Language.PYTHON, tmp_path)
    with pytest.raises(UnknownName):
        scaffold.reset(greeter, Language.PYTHON, tmp_path, name)


def test_a_reset_does_not_write_through_a_link(greeter: Lab, tmp_path: Path) -> None:
    """What a link of the learner's names stays as it is."""
    scaffold.start(greeter, Language.PYTHON, tmp_path / "mine")
    elsewhere = tmp_path / "elsewhere.py"
    elsewhere.write_text("shared by two solutions")
    (tmp_path / "mine" / "main.py").unlink()
    (tmp_path / "mine" / "main.py").symlink_to(elsewhere)
    _, backup = scaffold.reset(greeter, Language.PYTHON, tmp_path / "mine", "main.py")
    assert elsewhere.read_text() == "shared by two solutions"
    assert (backup / "main.py").read_text() == "shared by two solutions"
    assert "Your greeter" in (tmp_path / "mine" / "main.py").read_text()
