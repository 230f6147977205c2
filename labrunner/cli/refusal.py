"""A service that did not start, told where no report is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from labrunner.model.result import Startup


def not_started(startup: Startup) -> None:
    """What was seen, why it matters, and the service's last lines, on standard error."""
    failure = startup.failure
    click.secho(f"Not started: {failure.got}.", fg="red", err=True)
    click.echo(f"  {failure.why}", err=True)
    for line in failure.log:
        click.echo(f"  | {line}", err=True)
