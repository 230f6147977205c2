"""`lab doctor`."""

from __future__ import annotations

import click

from labrunner.errors import ExitCode


@click.command("doctor")
def command() -> int:
    """Find out what is wrong with this machine."""
    from labrunner.wiring.doctor import examine

    findings = examine()
    for finding in findings:
        symbol, colour = ("✓", "green") if finding.is_good else ("✗", "red")
        click.echo(f"{click.style(symbol, fg=colour)} {finding.what}")
        if finding.advice:
            click.echo(f"    {finding.advice}")
    return ExitCode.OK if all(finding.is_good for finding in findings) else ExitCode.ENVIRONMENT
