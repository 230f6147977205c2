"""The command `lab`: parses, calls one use case, picks the exit code.

ending.py       how a command ends: errors are told here, once, in one sentence
app.py          the group: sections of `--help`, commands imported only when they are used
options.py      options that several commands share
context.py      what several commands look up: the catalog, the solution around the working directory
interruption.py a polite end comes as Ctrl-C does
commands/       one file per command
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run `lab` and leave the process with the documented exit code."""
    code = _with_a_grader() if _wants_a_grader(sys.argv[1:]) else _run()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        with contextlib.suppress(OSError, ValueError):  # who reads it has gone; the code tells that
            stream.flush()
    # All that was started is ended by now; to take the interpreter apart piece by piece would cost 30 ms more.
    os._exit(code)


def _wants_a_grader(arguments: list[str]) -> bool:
    """As far as can be seen before anything is parsed; a wrong guess costs a process, nothing else."""
    return arguments[:1] in (["test"], ["grade"]) and not {"-h", "--help"} & {*arguments}


def _with_a_grader() -> int:
    """A grader's process takes longest to get ready: it is spawned before so much as click is imported."""
    from labrunner.suites import spawn

    spawn.ahead()
    try:
        return _run()
    finally:
        spawn.dismiss()


def _run() -> int:
    from labrunner.cli.ending import run

    return run()
