"""`lab start` and `lab reset`: a solution's first files, written so that nothing of the learner's is ever lost."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from labrunner.errors import EnvironmentProblem, UnknownName, UsageError
from labrunner.solution import manifest
from labrunner.solution.layout import FOLDER
from labrunner.solution.progress import Progress

if TYPE_CHECKING:
    from pathlib import Path

    from labrunner.model.lab import Lab, Language

IGNORED = f"{FOLDER}/\n__pycache__/\n.venv/\nnode_modules/\n"


def start(lab: Lab, language: Language, folder: Path) -> None:
    """Write a fresh solution into `folder`, which must not exist or be empty; all of it or nothing.

    Raises:
        UsageError: there is something in the way.
        EnvironmentProblem: it cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is already there and not empty.", f"Choose another: `lab start {lab.id} DIR`.")
    was_there = folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, source in files(lab, language).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / name)
        (folder / ".gitignore").write_text(IGNORED, encoding="utf-8")
        manifest.write(folder, lab.id, language)
    except BaseException as fault:
        _clear(folder, keep=was_there)
        if not isinstance(fault, OSError):
            raise
        raise EnvironmentProblem(
            f"{folder} cannot be written: {fault.strerror}.", "Choose a directory with room that you may write to."
        ) from None


def _clear(folder: Path, *, keep: bool) -> None:
    """Take back what `start` wrote; the folder was empty before."""
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for left in list(folder.iterdir()):
        shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)


def files(lab: Lab, language: Language) -> dict[str, Path]:
    """The scaffold's files by their name in the solution; the lab's text among them."""
    root = lab.scaffolds / language.value
    found = {
        str(path.relative_to(root)): path
        for path in sorted(root.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    return found | {"README.md": lab.readme}


def wanted(lab: Lab, language: Language, name: str | None) -> dict[str, Path]:
    """The scaffold's file of that name, or all of them.

    Raises:
        UnknownName: the scaffold has no such file.
    """
    originals = files(lab, language)
    if name is None:
        return originals
    if name not in originals:
        raise UnknownName("scaffold file", name, list(originals), f"It has: {', '.join(originals)}.")
    return {name: originals[name]}


def reset(lab: Lab, language: Language, folder: Path, name: str | None) -> tuple[list[str], Path]:
    """Bring back `name`, or every file of the scaffold; what was there is kept in a backup.

    Returns:
        Names of the files brought back, and the folder of the backup.

    Raises:
        UnknownName: the scaffold has no such file.
        EnvironmentProblem: something cannot be written; what was replaced until then is in the backup.
    """
    chosen = wanted(lab, language, name)
    backup = Progress(folder).backup_folder()
    try:
        for each, original in chosen.items():
            _replace(original, folder / each, backup / each)
    except OSError as fault:
        raise EnvironmentProblem(f"{folder} cannot be written: {fault.strerror}.", "Check its permissions.") from None
    return list(chosen), backup


def _replace(original: Path, current: Path, saved: Path) -> None:
    if current.exists():
        saved.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(current, saved)
    if current.is_symlink():
        # What it names may be somebody else's.
        current.unlink()
    current.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(original, current)
