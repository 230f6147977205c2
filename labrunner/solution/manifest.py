"""Reading and writing ``solution.toml``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from labrunner.errors import BadSolutionFile, EnvironmentProblem, NotASolution
from labrunner.model.lab import Language
from labrunner.model.solution import Solution
from labrunner.rules.toml_text import Document
from labrunner.solution.layout import FILE

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_RUN = {
    Language.PYTHON: ("python", "main.py"),
    Language.TYPESCRIPT: ("node", "main.ts"),
    Language.GO: ("./service",),
}
DEFAULT_BUILD = {
    Language.GO: ("go", "build", "-o", "service", "."),
}


def find(path: Path) -> Path:
    """The solution's directory: `path` or the nearest folder above it that holds ``solution.toml``.

    Raises:
        NotASolution: there is none.
    """
    for folder in (path, *path.parents):
        if (folder / FILE).is_file():
            return folder
    raise NotASolution(
        f"{path} is not inside a solution: there is no {FILE} here or in any folder above.",
        "Go to your solution's directory, or begin one with `lab start ID`.",
    )


def read(folder: Path) -> Solution:
    """What the ``solution.toml`` in `folder` says.

    Raises:
        BadSolutionFile: with file, line and what would be right.
        EnvironmentProblem: it cannot be read.
    """
    try:
        data = (folder / FILE).read_bytes()
    except OSError as fault:
        raise EnvironmentProblem(
            f"{folder / FILE} cannot be read: {fault.strerror}.", "Check its permissions."
        ) from None
    table = Document(data, FILE, BadSolutionFile).root
    lab = table.text("lab", pattern=r"[a-z0-9:_-]+", form="the id of a lab")
    language = table.choice("language", Language)
    # A learner's own image says itself what it starts.
    run = table.texts("run", default=()) if language is Language.DOCKERFILE else table.texts("run", least=1)
    build = table.texts("build", default=())
    table.done()
    return Solution(folder, lab, language, run, build)


def write(folder: Path, lab: str, language: Language) -> None:
    """A fresh ``solution.toml``."""
    lines = ["# What `lab test` needs to know of your solution.", f'lab = "{lab}"', f'language = "{language}"']
    if build := DEFAULT_BUILD.get(language):
        lines += ["# What is run before, once for each change: program and arguments.", f"build = {array(build)}"]
    lines += ["# How your service is started: program and arguments, run in this directory."]
    lines += [f"run = {array(DEFAULT_RUN[language])}", ""]
    (folder / FILE).write_text("\n".join(lines), encoding="utf-8")


def array(words: tuple[str, ...]) -> str:
    """As TOML writes it."""
    return f"[{', '.join(json.dumps(word) for word in words)}]"
