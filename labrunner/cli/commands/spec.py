"""`lab spec`."""

from __future__ import annotations

from pathlib import Path

import click

from labrunner.catalog.rulebook import rules
from labrunner.cli import completing, options
from labrunner.cli.context import solution_and_lab
from labrunner.errors import UnknownName


@click.command("spec")
@click.argument("rule", required=False, shell_complete=completing.rule_ids)
@options.pack
def command(rule: str | None, packs: tuple[Path, ...]) -> None:
    """Show the rules of the lab, or one of them."""
    _, lab = solution_and_lab(packs)
    found = rules(lab)
    if rule is None:
        for text in found.values():
            click.echo(text.splitlines()[0].lstrip("# "))
        click.echo("\nOne of them in full: lab spec RULE")
        return
    by_name = {name.upper(): text for name, text in found.items()}
    if rule.upper() not in by_name:
        raise UnknownName("rule", rule.upper(), list(found), hint="See `lab spec`.")
    click.echo(by_name[rule.upper()].lstrip("# "))
