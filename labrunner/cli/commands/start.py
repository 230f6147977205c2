"""`lab start`."""

from __future__ import annotations

from pathlib import Path

import click

from labrunner.catalog.packs import Catalog
from labrunner.cli import completing, options
from labrunner.errors import UsageError
from labrunner.model.lab import Language
from labrunner.solution import scaffold
from labrunner.solution.registry import Registry


@click.command("start")
@click.argument("lab_id", metavar="ID", shell_complete=completing.labs)
@click.argument("directory", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--lang", envvar="LAB_LANG", show_envvar=True, metavar="LANGUAGE", help="The language to write it in.")
@options.pack
def command(lab_id: str, directory: Path | None, lang: str | None, packs: tuple[Path, ...]) -> None:
    """Begin a lab in a new directory."""
    lab = Catalog(packs).lab(lab_id)
    language = _language(lang, lab.id, lab.languages)
    registry = Registry()
    earlier = registry.folders(lab.id)
    if earlier and directory is None:
        raise UsageError(
            f"You have started {lab.id} already, in {earlier[0]}.",
            f"Go on there, or begin another: `lab start {lab.id} DIR`.",
        )
    # Resolved: new/.. is a folder that may be full, though new/ is not there.
    folder = (Path.cwd() / (directory or lab.id)).resolve()
    scaffold.start(lab, language, folder)
    registry.remember(lab.id, folder)
    click.echo(f"{click.style(lab.title, bold=True)} is ready in {folder} ({language}).")
    click.echo(
        f"{len(lab.stages)} stages, {len(lab.checks)} checks, {lab.points} points. README.md says what to build."
    )
    click.echo()
    click.echo("Next:")
    click.echo(f"  cd {_shell_path(folder)}")
    click.echo("  lab test")


def _language(wanted: str | None, lab: str, offered: tuple[Language, ...]) -> Language:
    if wanted is None:
        return offered[0]
    for language in offered:
        if language.value == wanted.lower():
            return language
    raise UsageError(
        f"The lab '{lab}' is not offered in '{wanted}'.",
        f"It is offered in {', '.join(item.value for item in offered)}.",
    )


def _shell_path(folder: Path) -> str:
    import shlex

    shown = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    return shlex.quote(str(shown))
