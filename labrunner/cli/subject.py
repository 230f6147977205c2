"""Whose work is graded: options of `lab grade` and `lab keys seed`, gathered into one `Subject`."""

from __future__ import annotations

import datetime as dt
import functools
import re
from typing import TYPE_CHECKING, Any

import click

from labrunner.model.envelope import Subject

if TYPE_CHECKING:
    from collections.abc import Callable

_FORMS = {
    "owner": (r"[\w.@+-][\w.@+ -]{0,199}", "a name of letters, digits, '.', '@', '+', '_' and '-'"),
    "repository": (r"[\w.-]{1,100}(/[\w.-]{1,100}){1,20}", "OWNER/NAME"),
    "commit": (r"[0-9a-f]{40}|[0-9a-f]{64}", "a commit's full hash"),
    "run_id": (r"[\w./:-]{1,200}", "an id or address"),
}


def _formed(context: click.Context, parameter: click.Parameter, value: str) -> str:
    pattern, form = _FORMS[parameter.name or ""]
    if value and not re.fullmatch(pattern, value):
        raise click.BadParameter(f"this must be {form}.")
    return value


def _moment(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if not value:
        return ""
    try:
        moment = dt.datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter("this must be a date and time such as 2030-01-31T18:00:00Z.") from None
    if moment.tzinfo is None:
        raise click.BadParameter("this must name its offset from UTC, e.g. by a final Z.")
    return moment.astimezone(dt.UTC).isoformat(timespec="seconds")


_OPTIONS = (
    click.option("--owner", default="", callback=_formed, envvar="LAB_OWNER", show_envvar=True, metavar="NAME",
                 help="Whose solution it is."),
    click.option("--repository", default="", callback=_formed, envvar="LAB_REPOSITORY", show_envvar=True,
                 metavar="OWNER/NAME", help="Where it was pushed."),
    click.option("--commit", default="", callback=_formed, envvar="LAB_COMMIT", show_envvar=True, metavar="HASH",
                 help="What was pushed."),
    click.option("--attempt", default=1, type=click.IntRange(1), envvar="LAB_ATTEMPT", show_envvar=True,
                 help="Counts the grades of one commit."),
    click.option("--run-id", default="", callback=_formed, envvar="LAB_RUN_ID", show_envvar=True, metavar="ID",
                 help="The service's run, for a person to look it up."),
    click.option("--pushed-at", default="", callback=_moment, envvar="LAB_PUSHED_AT", show_envvar=True, metavar="TIME",
                 help="When the service received it; never the commit's own date."),
)  # fmt: skip


def subject(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives the command a parameter `subject`."""

    @functools.wraps(function)
    def gathered(*args: Any, **given: Any) -> Any:
        names = ("owner", "repository", "commit", "attempt", "run_id", "pushed_at")
        owner, repository, commit, attempt, run, pushed_at = (given.pop(name) for name in names)
        return function(*args, subject=Subject(owner, repository, commit, attempt, run, pushed_at), **given)

    for option in reversed(_OPTIONS):
        gathered = option(gathered)
    return gathered
