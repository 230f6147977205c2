"""`lab replay`."""

from __future__ import annotations

from pathlib import Path

import click

from labrunner.cli import options
from labrunner.cli.context import solution_and_lab
from labrunner.cli.refusal import not_started
from labrunner.errors import ExitCode, UsageError
from labrunner.solution.progress import Progress


@click.command("replay")
@click.argument("number", metavar="[N]", type=click.IntRange(1), default=1)
@options.runtime
@options.pack
def command(number: int, runtime: str, packs: tuple[Path, ...]) -> int:
    """Send the request of a failure again, to a fresh service.

    Then show what is different. N counts the failures of the last test from 1. Whatever earlier requests of the check
    had stored is not there.
    """
    solution, lab = solution_and_lab(packs)
    path = Progress(solution.path).result_path
    if not path.is_file():
        raise UsageError("There is no result yet to replay a failure of.", "Run `lab test` first.")
    from labrunner.cli.interruption import listen
    from labrunner.ports.runtime import NotStarted
    from labrunner.wiring.replays import Replays

    replays = Replays(path)
    listen()
    try:
        replay = replays.run(number, lab, solution, runtime)
    except NotStarted as refusal:
        not_started(refusal.startup)
        return ExitCode.FAILED
    from labrunner.reports import replay as report
    from labrunner.reports import terminal

    report.show(replay, terminal.console())
    return ExitCode.OK
