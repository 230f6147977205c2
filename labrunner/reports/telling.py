"""What all reports but the terminal's tell, in the same words: plain lines in which the learner's text is escaped.

Each line is one line in any format (`printable`) and bounded, so a format has only its own markup to escape.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from labrunner.model.outcome import Outcome
from labrunner.model.status import Reason, Status
from labrunner.reports import curl, load, timeline
from labrunner.rules import transcript
from labrunner.rules.assignment import is_enough, mark
from labrunner.rules.marks import BAD
from labrunner.rules.text import printable, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labrunner.model.assignment import Terms
    from labrunner.model.outcome import Exchange, Failure
    from labrunner.model.result import CheckResult, Result, StageInfo

WIDTH = 2000
"""Characters of one line."""
MOST_LINES = 60
"""Lines of a service's log under one check."""
_PLACE = re.compile(r"([^:\n]{1,300}):(\d{1,7})(?=[: ])")

WORDS = {
    Status.PASSED: "passed",
    Status.FAILED: "failed",
    Status.LIMIT: "ran into a limit",
    Status.BLOCKED: "blocked",
    Status.INCONCLUSIVE: "inconclusive",
    Status.ERRORED: "not judged",
    Status.SKIPPED: "not run",
}


class Place(NamedTuple):
    """Where in a solution a fault lies."""

    file: str
    line: int


def safe(text: str, width: int = WIDTH) -> str:
    """`text` on one line, without a control character, and not longer than `width`."""
    return shorten(printable(text), width)


def path_in(folder: str, file: str) -> str:
    """`file` of a solution as its repository names it; `folder` is where the solution lies there, ``.`` for its root."""
    steps = [step for step in folder.split("/") if step not in {"", "."}]
    return safe("/".join([*steps, file]))


def stages(result: Result) -> list[tuple[StageInfo, list[CheckResult]]]:
    """Each stage with its checks; checks of an unknown stage are not lost."""
    rows = [(stage, [check for check in result.checks if check.stage == stage.slug]) for stage in result.stages]
    return [row for row in rows if row[1]]


def points(checks: Sequence[CheckResult]) -> tuple[int, int]:
    """Points of passed checks, and of all."""
    return sum(c.points for c in checks if c.status is Status.PASSED), sum(c.points for c in checks)


def counts(result: Result) -> str:
    """``21 passed, 2 failed``, in the order of the statuses; those that did not occur are left out."""
    found = [check.status for check in result.checks]
    return ", ".join(f"{found.count(status)} {WORDS[status]}" for status in Status if status in found)


def headline(result: Result) -> str:
    """The outcome in one sentence."""
    if result.score.value is None:
        return "Not graded: the result is incomplete, which costs nobody points."
    told = f"{result.score.earned} of {result.score.possible} points ({result.score.value:.0%})"
    if result.terms is None:
        return told
    enough, name = is_enough(result, result.terms), mark(result, result.terms)
    told += f", mark {safe(name, 60)}" if name else ""
    return told if enough is None else f"{told}, {'passed' if enough else 'not passed'}"


def remarks(result: Result) -> Iterator[str]:
    """What a reader should know besides, a sentence each."""
    if result.terms is not None:
        yield from _of_terms(result.terms)
    if result.interrupted:
        yield "The run was interrupted; what was known until then is kept."
    for line in result.problem.splitlines()[:20]:
        yield safe(line)
    for note in result.notes:
        yield safe(note)
    for flag in result.review:
        yield f"For a person to look at; no points are lost: {safe(flag)}"
    if result.isolation != "strong":
        yield f"Isolation was {safe(result.isolation)}: this result proves less than one from containers."


def _of_terms(terms: Terms) -> Iterator[str]:
    told = [f"Assignment {safe(terms.title)}"] if terms.title else []
    told += [] if terms.minimum is None else [f"passed from {terms.minimum:.0%} of the points"]
    told += [f"deadline {safe(terms.deadline)}"] if terms.deadline else []
    if told:
        yield f"{', '.join(told)}."


def verdict(check: CheckResult) -> str:
    """The status in words, with its reason."""
    reason = f" ({check.outcome.reason})" if check.outcome.reason else ""
    return f"{WORDS[check.status]}{reason}"


def gist(check: CheckResult) -> str:
    """Why a check did not pass, in one line; empty when it did."""
    outcome = check.outcome
    if outcome.failure is not None:
        return f"expected {safe(outcome.failure.expected, 300)}; got {safe(outcome.failure.got, 300)}"
    if check.status is Status.BLOCKED and outcome.blocked_by:
        return f"needs {safe(', '.join(outcome.blocked_by), 300)}"
    if check.status in BAD:
        return f"{verdict(check)}; what exactly was asked is not told"
    lines = outcome.note.splitlines()
    return safe(lines[0], 300) if lines else ("" if check.status is Status.PASSED else verdict(check))


def lines(check: CheckResult) -> list[str]:
    """All that is known of a check that did not pass, as lines of plain text."""
    told = [f"{check.id}: {verdict(check)}"]
    if check.outcome.failure is not None:
        told += of_failure(check.outcome.failure)
    elif check.status is not Status.PASSED:
        told.append(gist(check))
    told += recovery(check.outcome)
    return told


def of_failure(failure: Failure) -> list[str]:
    """Expected, got, why, the exchange as a curl line, the log."""
    told = [f"Expected  {safe(failure.expected)}", f"Got       {safe(failure.got)}"]
    if failure.why:
        told.append(f"Why       {safe(failure.why)}")
    if failure.timeline is not None:
        told += ["Picture", *(f"  {safe(line, 400)}" for line in timeline.lines(failure.timeline))]
    if failure.exchanges:
        told += ["Request", *(f"  {line}" for line in of_exchange(failure.exchanges[-1]))]
    if failure.log:
        told.append("Log")
        left = len(failure.log) - MOST_LINES
        told += [f"  | {safe(line, 400)}" for line in failure.log[:MOST_LINES]]
        told += [f"  ... and {left} more lines"] if left > 0 else []
    return told


def fields_of(exchange: Exchange) -> list[str]:
    """The first fields of the answer, without those that every answer has; as they came, so not safe to print."""
    boring = {"date", "server", "connection", "content-length"}
    return [f"{name}: {value}" for name, value in exchange.response_headers if name.lower() not in boring][:12]


def of_exchange(exchange: Exchange) -> list[str]:
    """The request as a curl line, and the answer; the bytes themselves, where a check spoke bytes."""
    if exchange.transcript:
        return [safe(line, 400) for line in transcript.lines(exchange.transcript)]
    told = [safe(curl.line(exchange))]
    if exchange.status is None:
        return [*told, f"< no answer: {safe(exchange.problem)}"]
    told.append(f"< HTTP/1.1 {exchange.status}")
    told += [f"< {safe(field, 400)}" for field in fields_of(exchange)]
    if exchange.response_body:
        told.append(f"< {safe(exchange.response_body, 800)}")
    return told


def recovery(outcome: Outcome) -> list[str]:
    """How long the service took after a fault; no line where there was none."""
    seconds = outcome.recovery
    return [] if seconds is None else [f"Served again {seconds:.2f} s after the fault was over"]


def measured(result: Result) -> list[tuple[str, str]]:
    """What was measured under load, as labels and texts; a text without a label goes on with the one before."""
    if result.load is None:
        return []
    return [(label, safe(text, 400)) for label, text in load.lines(result.load)]


def place(reason: Reason | None, failure: Failure | None) -> Place | None:
    """The file and line that a refusal names, when a static rule refused the solution."""
    if reason is not Reason.REJECTED or failure is None:
        return None
    found = _PLACE.match(failure.got)
    if found is None or found[1].startswith("/") or ".." in found[1].split("/"):
        return None
    return Place(found[1], int(found[2]))
