"""`lab list`."""

from __future__ import annotations

from pathlib import Path

import click

from labrunner.catalog.outline import Outline, outlines
from labrunner.cli import options
from labrunner.solution.places import cache_folder
from labrunner.solution.progress import Progress
from labrunner.solution.registry import Registry


@click.command("list")
@options.pack
def command(packs: tuple[Path, ...]) -> None:
    """List the labs."""
    labs = outlines(packs, cache_folder())
    registry = Registry()
    width = max((len(lab.name) for lab in labs), default=0)
    for lab in labs:
        languages = ", ".join(lab.languages)
        click.echo(f"{click.style(lab.name.ljust(width), bold=True)}  {lab.level}, {lab.hours} h, {languages}")
        click.echo(f"{'':{width}}  {lab.summary}")
        click.echo(f"{'':{width}}  {_state(lab, registry)}")


def _state(lab: Outline, registry: Registry) -> str:
    folders = registry.folders(lab.id)
    if not folders:
        return f"not started: lab start {lab.name}"
    statuses = Progress(folders[0]).standing().statuses
    earned = sum(points for check, points in lab.points.items() if statuses.get(check) == "passed")
    return f"{earned} of {sum(lab.points.values())} points in {folders[0]}"
