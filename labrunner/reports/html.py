"""One self-contained page: no script, no link to anywhere, nothing loaded; its policy forbids all of that too."""

from __future__ import annotations

import base64
import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
from markupsafe import Markup

from labrunner.model.status import Status
from labrunner.reports import telling, timeline
from labrunner.rules.marks import BAD, MARKS

if TYPE_CHECKING:
    from labrunner.model.result import CheckResult, Result

_FOLDER = Path(__file__).parent
_UNDECIDED = {Status.INCONCLUSIVE, Status.ERRORED}
# Not var(--good): the colours of a bar must be right in both colour schemes, and where styles are left out.
_BAR = (("#2a9d63", {Status.PASSED}), ("#d64a42", BAD), ("#d0a02c", _UNDECIDED), ("#9aa4b2", {Status.BLOCKED}))


def render(result: Result) -> bytes:
    """UTF-8 HTML."""
    template, style = _page()
    return template.render(
        result=result,
        style=Markup(style),  # noqa: S704 - our own file
        style_digest=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        headline=telling.headline(result),
        bar=_bar(result),
        facts=_facts(result),
        remarks=list(telling.remarks(result)),
        stages=telling.stages(result),
        measured=telling.measured(result),
        identity=_identity(result),
        marks={status: mark.symbol for status, mark in MARKS.items()},
        untold={Status.PASSED, Status.SKIPPED},
        bad=BAD,
        most_lines=telling.MOST_LINES,
        points=telling.points,
        gist=telling.gist,
        recovery=telling.recovery,
        exchange=telling.of_exchange,
        look=_look,
        earned=_earned,
    ).encode()


@functools.cache
def _page() -> tuple[jinja2.Template, str]:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER), autoescape=True, undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters["safe_line"] = telling.safe
    environment.filters["picture"] = lambda drawn: Markup(timeline.svg(drawn))  # noqa: S704 - it escapes what it draws
    return environment.get_template("page.html.jinja"), (_FOLDER / "page.css").read_text(encoding="utf-8")


def _look(check: CheckResult) -> str:
    if check.status is Status.PASSED:
        return "good"
    return "bad" if check.status in BAD else "unsure" if check.status in _UNDECIDED else "quiet"


def _earned(check: CheckResult) -> str:
    if check.status in {Status.PASSED, *BAD}:
        return f"{check.points if check.status is Status.PASSED else 0}/{check.points}"
    return telling.WORDS[check.status]


def _bar(result: Result) -> list[tuple[str, str, str]]:
    """Colour, start and width, in percent of all points."""
    total = sum(check.points for check in result.checks)
    parts: list[tuple[str, str, str]] = []
    start = 0.0
    for colour, statuses in _BAR:
        share = 100 * sum(check.points for check in result.checks if check.status in statuses) / total if total else 0.0
        parts.append((colour, f"{start:.2f}", f"{share:.2f}"))
        start += share
    return parts


def _facts(result: Result) -> list[str]:
    facts = [telling.counts(result), f"{result.language}, {result.runtime} runtime", f"isolation {result.isolation}"]
    facts += [f"{result.timing.wall:.1f} s", f"seed {result.seed}"]
    return [telling.safe(fact) for fact in facts]


def _identity(result: Result) -> list[tuple[str, str]]:
    return [
        ("started", result.started_at), ("runner", result.runner), ("lab", result.lab_digest),
        ("grader", result.grader_digest), ("solution", result.solution_digest or "not read"),
    ]  # fmt: skip
