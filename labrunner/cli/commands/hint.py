"""`lab hint`."""

from __future__ import annotations

from pathlib import Path

import click

from labrunner.cli import completing, options
from labrunner.cli.context import solution_and_lab
from labrunner.errors import UnknownName, UsageError
from labrunner.model.lab import Check, Lab
from labrunner.solution.progress import Progress


@click.command("hint")
@click.argument("name", metavar="[CHECK]", required=False, shell_complete=completing.checks)
@options.pack
def command(name: str | None, packs: tuple[Path, ...]) -> None:
    """Give one more hint for a check.

    Without CHECK: for the first that failed in the last test.
    """
    solution, lab = solution_and_lab(packs)
    progress = Progress(solution.path)
    wanted = name or _first_failed(lab, progress.standing().statuses)
    if wanted is None:
        raise UsageError(
            "No check failed in the last test.", "Run `lab test` first, or name one: `lab hint STAGE/CHECK`."
        )
    check = _find(lab, wanted)
    given = progress.hints_given(check.id)
    click.secho(f"{check.title}  {check.id}", bold=True)
    for number, hint in enumerate(check.hints[: given + 1], start=1):
        click.echo(f"  {number}. {hint}")
    if given < len(check.hints):
        progress.give_hint(check.id)
    if (left := len(check.hints) - given - 1) > 0:
        click.echo(f"{left} more: `lab hint {check.id}` again.")
    else:
        click.echo(f"These are all. The rules behind it: lab spec {check.rules[0]}")


def _first_failed(lab: Lab, statuses: dict[str, str]) -> str | None:
    return next((check.id for check in lab.checks if statuses.get(check.id) in {"failed", "limit"}), None)


def _find(lab: Lab, name: str) -> Check:
    found = [check for check in lab.checks if name in {check.id, check.slug}]
    if not found:
        raise UnknownName("check", name, [check.id for check in lab.checks], hint="See `lab status`.")
    if len(found) > 1:
        choices = " or ".join(check.id for check in found)
        raise UsageError(f"More than one stage has a check '{name}'.", f"Say {choices}.")
    return found[0]
