"""Workflow commands that GitHub shows as annotations: on ``solution.toml``, or on the line that a static rule names.

A command is a line that begins with ``::``; in its message ``%``, CR and LF are escaped, in a property ``:`` and ``,``
too (github.com/actions/toolkit, docs/commands.md). Every line of this report is one command of ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labrunner.model.status import Status
from labrunner.reports import telling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labrunner.model.result import CheckResult, Result

MOST = 10
"""GitHub shows so many annotations of one kind for a step."""
_LEVELS = {Status.FAILED: "error", Status.LIMIT: "error", Status.ERRORED: "warning", Status.INCONCLUSIVE: "warning"}


def render(result: Result, folder: str = "") -> bytes:
    """UTF-8 lines.

    Args:
        result: what is reported.
        folder: where in the repository the solution lies.
    """
    commands = list(_commands(result, folder))
    if (left := len(commands) - MOST) > 0:
        commands[MOST - 1 :] = [_command("error", folder, f"and {left + 1} more: see the job's summary", "labrunner")]
    return "".join(f"{command}\n" for command in commands).encode()


def _commands(result: Result, folder: str) -> Iterator[str]:
    if result.startup is not None:
        failure, where = result.startup.failure, telling.place(result.startup.reason, result.startup.failure)
        text = "\n".join(telling.of_failure(failure))
        yield _command("error", folder, text, f"Not started: {result.startup.reason}", where)
        return
    if result.problem:
        yield _command("warning", folder, telling.safe(result.problem), "Not graded")
    for check in result.checks:
        if (level := _LEVELS.get(check.status)) is not None and check.outcome.note != (result.problem or None):
            yield _command(level, folder, _message(check), telling.safe(check.title, 200))


def _message(check: CheckResult) -> str:
    return "\n".join(telling.lines(check))


def _command(level: str, folder: str, message: str, title: str, where: telling.Place | None = None) -> str:
    file = telling.path_in(folder, where.file if where else "solution.toml")
    line = where.line if where else 1
    return f"::{level} file={_property(file)},line={line},title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(telling.safe(text)).replace(":", "%3A").replace(",", "%2C")
