"""How a command ends: its exit code, and what is told of an error, once, in one sentence."""

from __future__ import annotations

import errno
import os
import select
import sys

import click

from labrunner.cli.app import app
from labrunner.errors import ExitCode, LabError
from labrunner.rules.text import printable

_OF_THE_MACHINE = {
    errno.EACCES, errno.EDQUOT, errno.EMFILE, errno.ENAMETOOLONG, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EPERM,
    errno.EROFS,
}  # fmt: skip
"""No bug of ours: no room, no permission."""


def run() -> int:
    """Run the command that the command line names; returns the exit code."""
    try:
        code = _invoke()
        if sys.stdout is not None:
            sys.stdout.flush()  # what could not be written must not seem to have been
    except click.ClickException as fault:
        fault.show()
        return ExitCode.USAGE
    except LabError as fault:
        _tell(fault.message, fault.hint)
        return fault.exit_code
    except (KeyboardInterrupt, EOFError, click.Abort):
        click.echo("\nInterrupted.", err=True)  # below the terminal's own ^C
        return ExitCode.INTERRUPTED
    except Exception as fault:  # noqa: BLE001 - whatever it is, it is told in a sentence
        return _failed(fault)
    return code


def _invoke() -> int:
    """As click's `main`, which takes any broken pipe for a reader who has gone, and leaves without a word."""
    if "_LAB_COMPLETE" in os.environ:
        app.main(prog_name="lab")
    try:
        with app.make_context("lab", sys.argv[1:]) as context:
            return int(app.invoke(context) or ExitCode.OK)
    except click.exceptions.Exit as done:
        return done.exit_code


def _failed(fault: Exception) -> int:
    if isinstance(fault, BrokenPipeError) and _nobody_reads():
        return ExitCode.UNREAD
    if os.environ.get("LAB_DEBUG"):
        raise fault
    if isinstance(fault, OSError) and fault.errno in _OF_THE_MACHINE:
        _tell(f"{fault.filename or 'This machine'}: {fault.strerror}.", "Mend that, or try `lab doctor`.")
        return ExitCode.ENVIRONMENT
    where = f"{type(fault).__name__}: {fault}"
    _tell(f"labrunner itself failed: {where}.", "Please report it, with what LAB_DEBUG=1 shows.")
    return ExitCode.UNDECIDED


def _nobody_reads() -> bool:
    """Whether the reader of our output (`| head`) has gone: any other pipe that breaks is a fault like others."""
    ours = select.poll()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        ours.register(stream.fileno(), 0)
    return any(happened & (select.POLLERR | select.POLLHUP) for _, happened in ours.poll(0))


def _tell(message: str, hint: str) -> None:
    """On standard error; names in it may come from a file of somebody else's, so nothing reaches the terminal raw."""
    click.secho("Error: ", fg="red", bold=True, nl=False, err=True)
    click.echo(_safe(message), err=True)
    if hint:
        click.echo(f"  {_safe(hint)}", err=True)


def _safe(text: str) -> str:
    return "\n".join(printable(line) for line in text.splitlines())
