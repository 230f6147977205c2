"""Options that several commands share; each can also be given as an environment variable."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labrunner.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

REPORT_FORMATS = ("json", "junit", "gitlab", "markdown", "github", "gradescope", "html")


def _seed(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", value):
        raise click.BadParameter("a seed is 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-'.")
    return value


pack = click.option(
    "--pack",
    "packs",
    multiple=True,
    type=click.Path(path_type=Path),
    envvar="LAB_PACK",
    show_envvar=True,
    metavar="DIR",
    help="A folder with more labs; may be repeated.",
)
every_stage = click.option(
    "--all", "is_all", is_flag=True, envvar="LAB_ALL", show_envvar=True, help="Every stage, whatever fails."
)
runtime = click.option(
    "--runtime",
    type=click.Choice(("auto", "docker", "process")),
    default="auto",
    envvar="LAB_RUNTIME",
    show_envvar=True,
    show_default=True,
    help="Where the service runs.",
)
seed = click.option(
    "--seed",
    callback=_seed,
    envvar="LAB_SEED",
    show_envvar=True,
    metavar="SEED",
    help="Repeat the random choices of an earlier run.",
)
report = click.option(
    "--report",
    "reports",
    multiple=True,
    envvar="LAB_REPORT",
    show_envvar=True,
    metavar="FORMAT[=FILE]",
    help=f"Also write the result as {', '.join(REPORT_FORMATS)}; to standard output without FILE. May be repeated.",
)


folder = click.option(
    "--folder",
    default="",
    envvar="LAB_FOLDER",
    show_envvar=True,
    metavar="FOLDER",
    help="Where in its repository the solution lies, for reports that point at files.",
)


def parse_reports(values: tuple[str, ...]) -> list[tuple[str, Path | None]]:
    """``FORMAT[=FILE]`` as pairs.

    Raises:
        UsageError: an unknown format, no file name after ``=``, or two reports to standard output.
    """
    pairs: list[tuple[str, Path | None]] = []
    for value in values:
        name, equals, file = value.partition("=")
        if name not in REPORT_FORMATS:
            raise UsageError(f"There is no report format '{name}'.", f"Known: {', '.join(REPORT_FORMATS)}.")
        if equals and not file:
            raise UsageError(f"--report {value} names no file.", f"Say --report {name}=FILE.")
        pairs.append((name, Path(file) if file and file != "-" else None))
    if sum(path is None for _, path in pairs) > 1:
        raise UsageError("Two reports cannot both go to standard output.", "Give one of them a file.")
    return pairs


def uses_stdout(outputs: list[tuple[str, Path | None]]) -> bool:
    """Whether a report goes to standard output; what people read then goes to standard error."""
    return any(path is None for _, path in outputs)
