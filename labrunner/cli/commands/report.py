"""`lab report`."""

from __future__ import annotations

from pathlib import Path

import click

from labrunner.cli import options
from labrunner.errors import ExitCode


@click.command("report")
@click.argument("file", metavar="[RESULT]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "formats",
    multiple=True,
    envvar="LAB_FORMAT",
    show_envvar=True,
    metavar="FORMAT[=FILE]",
    help=f"Write it as {', '.join(options.REPORT_FORMATS)}; to standard output without FILE. May be repeated.",
)
@options.folder
def command(file: Path | None, formats: tuple[str, ...], folder: str) -> int:
    """Show a stored result, or write it in other formats.

    RESULT is what `lab grade --report json=RESULT` wrote; without it, the last result of the solution around you.
    """
    outputs = options.parse_reports(formats)
    from labrunner.cli.results import read

    result = read(file)
    if outputs:
        from labrunner.cli.outputs import write

        write(result, outputs, folder)
    else:
        from labrunner.reports import terminal

        terminal.show(result, terminal.console())
    return ExitCode.OK
