"""`lab doctor`."""

from __future__ import annotations

import click

from labrunner.errors import ExitCode


@click.command("doctor")
@click.option(
    "--clean",
    is_flag=True,
    envvar="LAB_CLEAN",
    show_envvar=True,
    help="Remove what dead runs left in the Docker engine.",
)
def command(clean: bool) -> int:
    """Find out what is wrong with this machine."""
    from labrunner.wiring.doctor import examine

    is_well = True
    for finding in examine(is_cleaning=clean):
        is_well = is_well and finding.is_good
        symbol, colour = ("✓", "green") if finding.is_good else ("✗", "red")
        click.echo(f"{click.style(symbol, fg=colour)} {finding.what}")
        if finding.advice:
            click.echo(f"    {finding.advice}")
    return ExitCode.OK if is_well else ExitCode.ENVIRONMENT
