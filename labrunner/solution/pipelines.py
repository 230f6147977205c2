"""What `lab ci init` writes: the caller of a grading workflow, from the templates beside this file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from labrunner.errors import EnvironmentProblem, UsageError
from labrunner.solution.progress import write_whole

TEMPLATES = Path(__file__).with_name("ci_templates")
TARGETS = {
    "github": (".github/workflows/grade.yml", "github.yml"),
    "gitlab": (".gitlab-ci.yml", "gitlab.yml"),
    "instructor": (".github/workflows/grade-submissions.yml", "instructor.yml"),
}
"""Where in a repository each is written, and from which template."""
_PINNED = re.compile(r"([\w.-]+/[\w.-]+)@([0-9a-f]{40})")
_PLAIN = re.compile(r"[\w./~-]+")


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What the caller says.

    Attributes:
        source: where labrunner comes from: ``OWNER/NAME@COMMIT`` on GitHub, what pip takes on GitLab.
        path: of the solution in its repository.
    """

    kind: str
    lab: str
    source: str
    path: str = "."


def text(pipeline: Pipeline) -> str:
    """The file.

    Raises:
        UsageError: the source is not pinned, or something in it would break the file.
    """
    values = {"LAB": pipeline.lab, "PATH": pipeline.path}
    if not _PLAIN.fullmatch(pipeline.path):
        raise UsageError(
            f"The folder '{pipeline.path}' has characters that a workflow cannot hold.",
            "Rename it: letters, digits, . _ -",
        )
    if pipeline.kind == "gitlab":
        if re.search(r"[\s\"'\\$`]", pipeline.source):
            raise UsageError(f"'{pipeline.source}' is nothing that pip takes.", "Name a wheel's address or a version.")
        values["SOURCE"] = pipeline.source
    else:
        pinned = _PINNED.fullmatch(pipeline.source)
        if pinned is None:
            raise UsageError(
                f"'{pipeline.source}' does not say which commit of labrunner grades.",
                "Write OWNER/NAME@COMMIT, with the commit's 40 hexadecimal digits: a tag can be moved.",
            )
        values |= {"SOURCE_REPOSITORY": pinned[1], "SOURCE_COMMIT": pinned[2]}
    page = (TEMPLATES / TARGETS[pipeline.kind][1]).read_text(encoding="utf-8")
    return re.sub("@(" + "|".join(values) + ")@", lambda name: values[name[1]], page)


def repository_of(folder: Path) -> Path:
    """The root of the repository around `folder`; `folder` itself when there is none."""
    return next((parent for parent in (folder, *folder.parents) if (parent / ".git").exists()), folder)


def write(pipeline: Pipeline, root: Path, *, replace: bool = False) -> Path:
    """Write it into the repository at `root`; returns the file.

    Raises:
        UsageError: there is one already.
        EnvironmentProblem: it cannot be written.
    """
    page = text(pipeline)
    target = root / TARGETS[pipeline.kind][0]
    if target.is_symlink() or (target.exists() and not target.is_file()):
        raise EnvironmentProblem(f"{target} is no file.", "Remove it.")
    if target.exists() and not replace:
        raise UsageError(f"{target} is there already.", "Replace it with --replace.")
    write_whole(target, page.encode())
    return target
