"""Every error that a user can meet, and the exit codes.

    LabError
    |- UsageError            2   what was typed, or a file of the user's, is wrong
    |  |- UnknownName        2   a lab, stage, check or rule of that name does not exist
    |  |- NotASolution       2   the directory is no solution
    |  |- BadSolutionFile    2   solution.toml cannot be understood
    |  |- BadAssignment      2   assignment.toml cannot be understood, or does not fit the lab
    |  `- BadResultFile      2   a stored result, an envelope or a key cannot be read
    |- NotProven             1   what a result claims is not proved
    |- LabInvalid            3   a lab (manifest, grader, reference) is wrong: its author must mend it
    `- EnvironmentProblem    4   the machine: no interpreter, no port, no room, no permission

A failed check is no error: it is an outcome (`labrunner.model.outcome`). Interruption is `KeyboardInterrupt` (130).
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def near(name: str, known: Iterable[str]) -> list[str]:
    """At most three of the `known` names that somebody who typed `name` may have meant, the likeliest first."""
    import difflib  # noqa: PLC0415 - only on the way to an error message

    return difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)


class ExitCode(enum.IntEnum):
    """What `lab` returns to the shell."""

    OK = 0
    """All checks that were asked for passed."""
    FAILED = 1
    """A check failed, hit a resource limit, or was blocked by one that did; or what a result claims is not proved."""
    USAGE = 2
    """The command line or a file of the user's is wrong."""
    LAB_INVALID = 3
    """The lab itself is wrong."""
    ENVIRONMENT = 4
    """The machine cannot do it: a tool, a port, room or a permission is missing."""
    UNDECIDED = 5
    """Nothing failed, but something errored or stayed inconclusive."""
    INTERRUPTED = 130
    """Ctrl-C, SIGTERM or SIGHUP."""
    UNREAD = 141
    """The reader of the output (`| head`) was gone before the end, as a shell tells of such an end."""


class LabError(Exception):
    """An error that is told in one sentence.

    Args:
        message: what is wrong and where (``file:line`` where there is one).
        hint: what to do next; an imperative sentence, or empty.
    """

    exit_code = ExitCode.ENVIRONMENT

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(LabError):
    """What was typed, or a file that the user wrote, is wrong."""

    exit_code = ExitCode.USAGE


class UnknownName(UsageError):
    """No lab, stage, check or rule has that name.

    Args:
        kind: what was looked for, e.g. ``lab``.
        name: what was typed.
        known: the names that exist; near ones are suggested.
        hint: where the names can be seen, when none is near.
    """

    def __init__(self, kind: str, name: str, known: list[str], hint: str = "") -> None:
        similar = near(name, known)
        suggestion = f"Did you mean {' or '.join(similar)}?" if similar else hint
        super().__init__(f"There is no {kind} '{name}'.", suggestion)


class NotASolution(UsageError):
    """The directory holds no ``solution.toml``."""


class BadSolutionFile(UsageError):
    """``solution.toml`` cannot be understood."""


class BadAssignment(UsageError):
    """``assignment.toml`` cannot be understood, or does not fit the lab."""


class BadResultFile(UsageError):
    """A stored result, an envelope or a key file cannot be read."""


class NotProven(LabError):
    """What a result claims is not proved: forged, changed, of another commit, or signed by nobody known."""

    exit_code = ExitCode.FAILED


class LabInvalid(LabError):
    """A lab is wrong; its author has to mend it."""

    exit_code = ExitCode.LAB_INVALID


class EnvironmentProblem(LabError):
    """The machine cannot do what was asked."""

    exit_code = ExitCode.ENVIRONMENT
