"""`lab list`."""

from __future__ import annotations

from pathlib import Path

import click

from labrunner.catalog.packs import Catalog
from labrunner.cli import options
from labrunner.model.lab import Lab
from labrunner.solution.progress import Progress
from labrunner.solution.registry import Registry


@click.command("list")
@options.pack
def command(packs: tuple[Path, ...]) -> None:
    """List the labs."""
    labs = Catalog(packs).labs()
    registry = Registry()
    width = max(len(_name(lab)) for lab in labs)
    for lab in labs:
        languages = ", ".join(language.value for language in lab.languages)
        click.echo(f"{click.style(_name(lab).ljust(width), bold=True)}  {lab.level}, {lab.hours} h, {languages}")
        click.echo(f"{'':{width}}  {lab.summary}")
        click.echo(f"{'':{width}}  {_state(lab, registry)}")


def _name(lab: Lab) -> str:
    return lab.id if lab.pack == "core" else f"{lab.pack}:{lab.id}"


def _state(lab: Lab, registry: Registry) -> str:
    folders = registry.folders(lab.id)
    if not folders:
        return f"not started: lab start {_name(lab)}"
    return f"{lab.earned(Progress(folders[0]).standing().statuses)} of {lab.points} points in {folders[0]}"
