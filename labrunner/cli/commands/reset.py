"""`lab reset`."""

from __future__ import annotations

from pathlib import Path

import click

from labrunner.cli import options
from labrunner.cli.context import solution_and_lab
from labrunner.solution import scaffold


@click.command("reset")
@click.argument("file", required=False)
@click.option("--yes", is_flag=True, envvar="LAB_YES", show_envvar=True, help="Do not ask.")
@options.pack
def command(file: str | None, yes: bool, packs: tuple[Path, ...]) -> None:
    """Bring back the scaffold's files, keeping a backup.

    FILE is one of them; without it all are brought back. Files of your own are left alone.
    """
    solution, lab = solution_and_lab(packs)
    scaffold.wanted(lab, solution.language, file)  # a file that there is not is nothing to ask about
    what = file or "every file of the scaffold"
    question = f"Bring back {what} in {solution.path}? What is there is kept in a backup."
    if not yes and not click.confirm(question):
        click.echo("Nothing was changed.")
        return
    names, backup = scaffold.reset(lab, solution.language, solution.path, file)
    click.echo(f"Brought back {', '.join(names)}.")
    if backup.exists():
        click.echo(f"What was there is in {backup}.")
