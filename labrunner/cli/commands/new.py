"""`lab new`."""

from __future__ import annotations

import re
from pathlib import Path

import click

from labrunner.cli import options
from labrunner.errors import UsageError
from labrunner.model.lab import Language

NAME = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"


@click.command("new")
@click.argument("lab_id", metavar="[ID]", required=False)
@click.option("--title", envvar="LAB_TITLE", show_envvar=True, metavar="TEXT", help="What learners see.")
@click.option("--stages", default="first", show_default=True, envvar="LAB_STAGES", show_envvar=True,
              metavar="STAGE,...", help="Names of its stages, in order.")  # fmt: skip
@click.option("--lang", default="python", envvar="LAB_LANG", show_envvar=True, metavar="LANGUAGE,...",
              help="Its languages: python (default), typescript, go; the mutants are in the first.")  # fmt: skip
@click.option("--without-load", is_flag=True, envvar="LAB_WITHOUT_LOAD", show_envvar=True,
              help="No last stage that compares a solution's speed with the reference's.")  # fmt: skip
@click.option("--schema", "only_schema", is_flag=True, envvar="LAB_SCHEMA", show_envvar=True,
              help="Only write labs/lab.schema.json, which editors check lab.toml by, anew.")  # fmt: skip
@options.pack
def command(
    lab_id: str | None,
    title: str | None,
    stages: str,
    lang: str,
    without_load: bool,
    only_schema: bool,
    packs: tuple[Path, ...],
) -> None:
    """Begin a lab of your own: small, complete, and valid.

    It is written into the pack that --pack names, else into the current directory.
    """
    if len(packs) > 1:
        raise UsageError("A lab is written into one pack.", "Give --pack once.")
    pack = (packs[0] if packs else Path.cwd()).expanduser().resolve()
    from labrunner.authoring import new

    if only_schema:
        click.echo(f"{new.write_schema(pack)} is that of this version.")
        return
    if lab_id is None or not re.fullmatch(NAME, lab_id):
        raise UsageError(f"'{lab_id or ''}' is no id of a lab.", "Use a-z, 0-9 and '-', e.g. word-count.")
    slugs = tuple(stages.split(","))
    for slug in slugs:
        if not re.fullmatch(NAME, slug):
            raise UsageError(f"'{slug}' is no name of a stage.", "Use a-z, 0-9 and '-', e.g. --stages first,second.")
    wanted = new.NewLab(lab_id, _title(lab_id, title), slugs, _languages(lang), not without_load)
    folders = new.write(wanted, pack)
    click.echo(f"{click.style(wanted.title, bold=True)} is written:")
    for folder in folders:
        click.echo(f"  {folder}")
    click.echo()
    click.echo("Next:")
    click.echo(f"  lab validate {lab_id}" + (f" --pack {packs[0]}" if packs else ""))


def _title(lab_id: str, title: str | None) -> str:
    """As asked for, or made of the id; it stands in quotes in lab.toml."""
    chosen = title or lab_id.replace("-", " ").capitalize()
    if not chosen.strip() or not chosen.isprintable() or any(sign in chosen for sign in '"\\'):
        raise UsageError("A title is a line of text without quotes and backslashes.", "Choose another.")
    return chosen


def _languages(names: str) -> tuple[Language, ...]:
    known = {language.value: language for language in Language}
    found = []
    for name in dict.fromkeys(names.split(",")):
        if name not in known:
            raise UsageError(f"There is no language '{name}'.", "Use python, typescript or go.")
        found.append(known[name])
    return tuple(found)
