"""`lab keys`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from labrunner.cli.subject import subject
from labrunner.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from labrunner.model.envelope import Subject


@click.group("keys")
def command() -> None:
    """Make an instructor's key, and the seeds that come from it."""


@command.command("new")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
def new(file: Path) -> int:
    """Write a new key to FILE, and its public half to FILE.pub."""
    from labrunner.trust import keys

    public = keys.new(file)
    click.echo(f"{file}      keep it secret: it signs results and makes seeds")
    click.echo(f"{file}.pub  give it away: `lab verify` takes it")
    click.echo(f"Fingerprint {public.fingerprint}")
    return ExitCode.OK


@command.command("seed")
@click.option("--key", required=True, type=click.Path(path_type=Path), envvar="LAB_KEY", show_envvar=True,
              metavar="FILE", help="An instructor's key.")  # fmt: skip
@click.option("--lab", "lab_id", required=True, envvar="LAB_ID", show_envvar=True, metavar="ID", help="The lab's id.")
@subject
def seed(key: Path, lab_id: str, subject: Subject) -> int:
    """Print the seed of one commit of one learner, for a grade that is run where the key is not."""
    if not subject.owner or not subject.commit:
        raise UsageError("A seed is made for somebody's commit.", "Say --owner NAME and --commit HASH.")
    from labrunner.trust import keys

    click.echo(keys.read(key).seed(lab_id.rpartition(":")[2], subject))
    return ExitCode.OK
