"""The command `lab`: parses, calls one use case, picks the exit code. Errors are told here, once, in one sentence.

app.py          the group: sections of `--help`, commands imported only when they are used
options.py      options that several commands share
context.py      what several commands look up: the catalog, the solution around the working directory
interruption.py a polite end comes as Ctrl-C does
commands/       one file per command
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from typing import NoReturn

import click

from labrunner.cli.app import app
from labrunner.errors import ExitCode, LabError
from labrunner.rules.text import printable

_OF_THE_MACHINE = {
    errno.EACCES, errno.EDQUOT, errno.EMFILE, errno.ENAMETOOLONG, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EPERM,
    errno.EROFS,
}  # fmt: skip
"""No bug of ours: no room, no permission."""


def main() -> NoReturn:
    """Run `lab` and leave the process with the documented exit code."""
    code = _run()
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    # All that was started is ended by now; to take the interpreter apart piece by piece would cost 30 ms more.
    os._exit(code)


def _run() -> int:
    try:
        return int(app.main(standalone_mode=False) or ExitCode.OK)
    except click.ClickException as fault:
        fault.show()
        return ExitCode.USAGE
    except LabError as fault:
        _tell(fault.message, fault.hint)
        return fault.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted.", err=True)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output (`| head`) has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except Exception as fault:
        if os.environ.get("LAB_DEBUG"):
            raise
        if isinstance(fault, OSError) and fault.errno in _OF_THE_MACHINE:
            _tell(f"{fault.filename or 'This machine'}: {fault.strerror}.", "Mend that, or try `lab doctor`.")
            return ExitCode.ENVIRONMENT
        where = f"{type(fault).__name__}: {fault}"
        _tell(f"labrunner itself failed: {where}.", "Please report it, with what LAB_DEBUG=1 shows.")
        return ExitCode.UNDECIDED


def _tell(message: str, hint: str) -> None:
    """On standard error; names in it may come from a file of somebody else's, so nothing reaches the terminal raw."""
    click.secho("Error: ", fg="red", bold=True, nl=False, err=True)
    click.echo(_safe(message), err=True)
    if hint:
        click.echo(f"  {_safe(hint)}", err=True)


def _safe(text: str) -> str:
    return "\n".join(printable(line) for line in text.splitlines())
