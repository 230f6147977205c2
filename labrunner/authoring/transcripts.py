"""Golden transcripts: what a learner sees for the scaffold and for some mutants, kept in the grader and compared.

They are recorded by `lab validate ID --update-transcripts`, which prints the difference, and never by a validation.
"""

from __future__ import annotations

import difflib
import io
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from labrunner.authoring import cases as authors
from labrunner.model.status import Status
from labrunner.model.validation import CaseKind, Problem, Section
from labrunner.reports import terminal
from labrunner.solution import manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labrunner.authoring.cases import Case
    from labrunner.model.lab import Lab
    from labrunner.model.result import Result
    from labrunner.model.solution import Solution

    Look = Callable[[Solution, str], Result]

FOLDER = "transcripts"
SEED = "transcript"
MUTANTS = 2
TRIES = 3
_NO_VERDICT = frozenset({Status.INCONCLUSIVE, Status.ERRORED})
_VARYING = (
    (re.compile(r"\d+(?:\.\d+)? (m?s)\b"), r"N \1"),
    (re.compile(r"(127\.0\.0\.1|localhost):\d+"), r"\1:PORT"),
    (re.compile(r"(_ms\"?[:=] ?)\d+"), r"\1N"),
    (re.compile(r"(pid|port) \d+"), r"\1 N"),
    (re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"), "DATE"),
    # The log's lines, and what they are continued with where they were too long for one.
    (re.compile(r"^ {4}\| .*\n(?:(?! {2}\S).*\n)*", re.MULTILINE), "    | ...\n"),
)
"""What differs from run to run although nothing has changed: times, ports, process ids, and a log that many write to."""


def compare(lab: Lab, look: Look) -> Section:
    """What was recorded against what is seen now.

    Args:
        lab: whose.
        look: grades a solution with a seed as `lab test` does.
    """
    recorded = _recorded(lab)
    if not recorded:
        return Section(
            "transcripts", "none recorded", (), (f"`lab validate {lab.name} --update-transcripts` records them",)
        )
    problems, undecided = [], []
    for case, path in recorded:
        was, now = path.read_text(encoding="utf-8"), _seen(lab, case, look)
        if now is None:
            undecided.append(f"{_name(lab, path)} was not compared: this machine was too busy for a verdict")
        elif was != now:
            old, new = _first_difference(was, now)
            problems.append(
                Problem(
                    f"{_name(lab, path)}: a learner sees something else: {old!r} is now {new!r}.",
                    f"Mend it; if it is better so, type `lab validate {lab.name} --update-transcripts`.",
                )
            )
    facts = f"{len(recorded) - len(problems) - len(undecided)} of {len(recorded)} are what a learner sees"
    return Section("transcripts", facts, tuple(problems), tuple(undecided))


def update(lab: Lab, look: Look) -> Iterator[str]:
    """Record anew; yields the differences as unified diffs."""
    for case, path in _recorded(lab) or _proposed(lab):
        was = path.read_text(encoding="utf-8") if path.is_file() else ""
        now = _seen(lab, case, look)
        name = _name(lab, path)
        if now is None:
            yield f"{name} was not recorded: this machine was too busy for a verdict\n"
            continue
        yield "".join(difflib.unified_diff(was.splitlines(True), now.splitlines(True), f"a/{name}", f"b/{name}"))
        path.parent.mkdir(exist_ok=True)
        path.write_text(now, encoding="utf-8")


def _recorded(lab: Lab) -> list[tuple[Case, Path]]:
    paths = [(case, _path(lab, case)) for case in authors.look(lab)[0]]
    return [(case, path) for case, path in paths if path.is_file()]


def _proposed(lab: Lab) -> list[tuple[Case, Path]]:
    """The scaffold and two mutants in the lab's first language; an author may choose others by their files' names."""
    found = authors.look(lab)[0]
    scaffolds = [case for case in found if case.kind is CaseKind.SCAFFOLD][:1]
    steady = [case for case in found if case.kind is CaseKind.MUTANT and case.caught is None]
    plain = [case for case in steady if case.base.name == lab.languages[0].value]
    chosen = plain[:: max(1, len(plain) // MUTANTS)][:MUTANTS]
    return [(case, _path(lab, case)) for case in (*scaffolds, *chosen)]


def _path(lab: Lab, case: Case) -> Path:
    return lab.graders[-1] / FOLDER / f"{case.kind}-{case.name}.txt"


def _name(lab: Lab, path: Path) -> str:
    return f"graders/{lab.id}/{FOLDER}/{path.name}"


def _seen(lab: Lab, case: Case, look: Look) -> str | None:
    """What the terminal shows; None where the machine keeps checks from being decided."""
    with tempfile.TemporaryDirectory(prefix="lab-transcript-") as folder:
        solution = manifest.read(authors.lay_out(case, lab, Path(folder) / "solution"))
        for _ in range(TRIES):
            result = look(solution, SEED)
            if not result.problem and _NO_VERDICT.isdisjoint(check.status for check in result.checks):
                return _page(result)
    return None


def _page(result: Result) -> str:
    page = io.StringIO()
    terminal.show(result, Console(file=page, width=terminal.WIDEST, highlight=False, emoji=False, color_system=None))
    return steady_text(page.getvalue())


def steady_text(text: str) -> str:
    """`text` without what differs from run to run."""
    text = "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
    for pattern, stands_for in _VARYING:
        text = pattern.sub(stands_for, text)
    return text


def _first_difference(was: str, now: str) -> tuple[str, str]:
    before, after = was.splitlines(), now.splitlines()
    for old, new in zip(before, after, strict=False):
        if old != new:
            return old.strip(), new.strip()
    longer = before if len(before) > len(after) else after
    rest = longer[min(len(before), len(after))].strip()
    return (rest, "") if longer is before else ("", rest)
