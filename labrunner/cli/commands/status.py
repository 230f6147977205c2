"""`lab status`."""

from __future__ import annotations

from pathlib import Path

import click

from labrunner.cli import options
from labrunner.cli.context import solution_and_lab
from labrunner.model.status import Status
from labrunner.rules.marks import MARKS
from labrunner.solution.progress import Progress


@click.command("status")
@options.pack
def command(packs: tuple[Path, ...]) -> None:
    """Show how far you have come."""
    solution, lab = solution_and_lab(packs)
    standing = Progress(solution.path).standing()
    click.echo(f"{click.style(lab.title, bold=True)} ({lab.id} {lab.version}) in {solution.path}")
    for number, stage in enumerate(lab.stages, start=1):
        statuses = [standing.statuses.get(check.id, "skipped") for check in stage.checks]
        earned = sum(check.points for check, status in zip(stage.checks, statuses, strict=True) if status == "passed")
        click.echo(f"{number} {click.style(stage.slug, bold=True)}  {stage.title}  {earned}/{stage.points}")
        for check, status in zip(stage.checks, statuses, strict=True):
            mark = MARKS[Status(status)]
            click.echo(f"    {click.style(mark.symbol, fg=mark.colour or None)} {check.id}  {check.title}")
    if standing.statuses:
        click.echo(f"{lab.earned(standing.statuses)} of {lab.points} points, by the newest verdict on each check.")
    else:
        click.echo("Not tested yet: lab test")
