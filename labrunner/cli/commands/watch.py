"""`lab watch`."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labrunner.cli import completing, options
from labrunner.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command("watch")
@click.argument("names", metavar="[STAGE | STAGE/CHECK]...", nargs=-1, shell_complete=completing.stages_and_checks)
@options.every_stage
@options.runtime
@options.seed
@options.pack
def command(names: tuple[str, ...], is_all: bool, runtime: str, seed: str | None, packs: tuple[Path, ...]) -> int:
    """Test your solution again each time you save a file.

    Takes what `lab test` takes. A test that is still running when you save is broken off and begun anew. Ctrl-C ends it.
    """
    from labrunner.cli.context import solution_and_lab
    from labrunner.rules.plan import select
    from labrunner.rules.text import printable
    from labrunner.solution.watching import saves

    is_over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Not an exception: it could come while a test is being started, which nobody would end then.
        signal.signal(number, lambda *_: is_over.set())
    solution, lab = solution_and_lab(packs)
    select(lab, names)  # a wrong name is told now, not after each save
    flags = ["--runtime", runtime, *(["--all"] if is_all else []), *(["--seed", seed] if seed else [])]
    for pack in packs:
        flags += ["--pack", str(pack)]
    test: _Test | None = None
    try:
        for saved in saves(solution.path, is_over):
            if test is None or saved:
                if test is not None:
                    test.end()
                    click.secho(f"\nSaved: {printable(', '.join(saved))[:200]}", bold=True)
                test = _Test([*flags, "--", *names])
            elif test.has_just_ended():
                click.secho("Save a file to test again; Ctrl-C ends this.", dim=True)
    finally:
        if test is not None:
            test.end()
    return ExitCode.OK


class _Test:
    """`lab test`, in a process of its own, as often as it is needed.

    Its process group is its own, too: the terminal sends Ctrl-C to us, and we tell the test, once.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        # -P: the learner's directory, where we are, may hold modules with names of ours.
        argv = [sys.executable, "-P", "-m", "labrunner", "test", *arguments]
        self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, process_group=0)
        self._is_told = False

    def has_just_ended(self) -> bool:
        """True once, after its end."""
        if self._is_told or self._process.poll() is None:
            return False
        self._is_told = True
        return True

    def end(self) -> None:
        """Break it off, if it is still running; comes back when all that it started is gone."""
        # Not SIGINT: one that is only about to start would tell of it by a traceback.
        self._process.terminate()
        self._process.wait()
