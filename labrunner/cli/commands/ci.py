"""`lab ci`."""

from __future__ import annotations

from pathlib import Path

import click

from labrunner.errors import ExitCode
from labrunner.solution import manifest
from labrunner.solution.pipelines import Pipeline, repository_of, write


@click.group("ci")
def command() -> None:
    """Have each push graded."""


@command.command("init")
@click.argument("service", metavar="github|gitlab", type=click.Choice(("github", "gitlab")))
@click.option("--from", "source", required=True, envvar="LAB_SOURCE", show_envvar=True, metavar="SOURCE",
              help="The labrunner that grades: OWNER/NAME@COMMIT on GitHub, what pip installs on GitLab.")  # fmt: skip
@click.option("--instructor", is_flag=True, envvar="LAB_INSTRUCTOR", show_envvar=True,
              help="For the instructor's own repository: grades and signs what learners pushed (GitHub).")  # fmt: skip
@click.option("--lab", "lab_id", default="", envvar="LAB_ID", show_envvar=True, metavar="ID",
              help="The lab; without it, that of the solution around you.")  # fmt: skip
@click.option("--replace", is_flag=True, envvar="LAB_REPLACE", show_envvar=True, help="Overwrite the file.")
def init(service: str, source: str, instructor: bool, lab_id: str, replace: bool) -> int:
    """Write the workflow that grades what is pushed to this repository."""
    if instructor and service != "github":
        raise click.UsageError("--instructor is for GitHub.")
    here = Path.cwd()
    if instructor:
        root, path = repository_of(here), "."
        lab = lab_id or manifest.read(manifest.find(here)).lab
    else:
        folder = manifest.find(here)
        root = repository_of(folder)
        path, lab = folder.relative_to(root).as_posix(), lab_id or manifest.read(folder).lab
    kind = "instructor" if instructor else service
    target = write(Pipeline(kind, lab.rpartition(":")[2], source, path), root, replace=replace)
    click.echo(f"{target} grades {'submissions' if instructor else 'every push'}. Commit it.")
    return ExitCode.OK
