"""Markdown for a job's summary. The learner's text stands in fences that are longer than any run of backticks in it.

In a fence nothing is markup, nor a mention, nor a link; text outside of one is the lab author's, and escaped too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from labrunner.model.status import Status
from labrunner.reports import telling
from labrunner.rules.marks import BAD, MARKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from labrunner.model.result import CheckResult, Result

MOST_BYTES = 400_000
"""GitHub refuses a summary of more than 1 MiB, together with what other steps say."""
_SPECIAL = re.compile(r"([!#$&*+\-.:<=>@\[\\\]_`{|}~])")


def render(result: Result) -> bytes:
    """UTF-8 Markdown, as GitHub and GitLab render it."""
    page = [
        f"## {_text(result.lab)} {_text(result.lab_version)}: {_text(telling.headline(result))}", "",
        *_facts(result), "", *_remarks(result), *_startup(result), *_table(result),
    ]  # fmt: skip
    if rows := telling.measured(result):
        page += [
            "### Load",
            "",
            *(f"- **{label}** {_text(text)}" if label else f"  {_text(text)}" for label, text in rows),
            "",
        ]
    size = _size(page)
    told = [check for check in result.checks if check.status not in {Status.PASSED, Status.SKIPPED, Status.BLOCKED}]
    if result.startup is not None:
        told = []
    for number, check in enumerate(told):
        part = list(_failure(check, result))
        size += _size(part)
        if size > MOST_BYTES:
            page += [f"*{len(told) - number} more are left out here; the result file has them all.*", ""]
            break
        page += part
    return "\n".join(page).encode()


def _size(lines: Iterable[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)


def _facts(result: Result) -> Iterator[str]:
    facts = [telling.counts(result), result.language, f"{result.runtime} runtime", f"isolation {result.isolation}"]
    facts.append(f"{result.timing.wall:.1f} s")
    yield " · ".join(_text(fact) for fact in facts)
    yield ""
    yield f"Seed {_code(result.seed)}, solution {_code(result.solution_digest[:19] or 'not read')}"


def _remarks(result: Result) -> Iterator[str]:
    for remark in telling.remarks(result):
        yield f"> {_text(remark)}"
        yield ">"
    yield ""


def _startup(result: Result) -> Iterator[str]:
    if result.startup is not None:
        yield f"### ✗ Not started: {_text(result.startup.reason)}"
        yield from _fence(telling.of_failure(result.startup.failure))


def _table(result: Result) -> Iterator[str]:
    yield "| | check | points |"
    yield "| :---: | :--- | ---: |"
    for stage, checks in telling.stages(result):
        earned, possible = telling.points(checks)
        yield f"| | **{_text(stage.title)}** | **{earned}/{possible}** |"
        for check in checks:
            earned = check.points if check.status is Status.PASSED else 0
            cell = f"{earned}/{check.points}" if check.status in _JUDGED else _text(telling.WORDS[check.status])
            yield f"| {_mark(check)} | {_text(check.title)} | {cell} |"
    yield ""


def _mark(check: CheckResult) -> str:
    """No emoji: not every reader has a font for them."""
    mark = _text(MARKS[check.status].symbol)
    return f"**{mark}**" if check.status in BAD else mark


_JUDGED = {Status.PASSED, *BAD}


def _failure(check: CheckResult, result: Result) -> Iterator[str]:
    yield f"### {MARKS[check.status].symbol} {_text(check.title)}"
    yield ""
    yield from _fence(telling.lines(check))
    if check.status in BAD:
        yield f"Again: {_code(f'lab test {check.id} --seed {result.seed}')}, and a hint: {_code(f'lab hint {check.id}')}"
        yield ""


def _fence(lines: Sequence[str]) -> list[str]:
    """`lines` as they are, whatever they hold."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", *lines, fence, ""]


def _text(text: str) -> str:
    """One line of text in which nothing is markup."""
    return _SPECIAL.sub(r"\\\1", telling.safe(text))


def _code(text: str) -> str:
    """A code span; a backtick in it would end it."""
    return f"`{telling.safe(text, 200).replace('`', chr(0x2019)) or ' '}`"
