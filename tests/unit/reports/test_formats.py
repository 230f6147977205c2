"""What each report says of ordinary results."""

from __future__ import annotations

import dataclasses
import html
import json
import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from labrunner.model.event import CheckEnded, RunEnded, StartFailed
from labrunner.model.load import Call, Comparison, LoadReport, Measure, SideFigures
from labrunner.model.outcome import Failure, Outcome
from labrunner.model.result import Fault, Startup
from labrunner.model.status import Reason, Status
from labrunner.reports import formats, load, telling
from labrunner.rules.fold import fold
from tests.builders import check, exchange, lab, started

LAB = lab(check("one/a", points=3), check("one/b", points=2), check("two/c", "one/b"), check("two/d"))
A, B, C, D = LAB.checks
FAILURE = Failure("429", "200 OK", "a limit is a limit", (exchange(body="hi"),), ("first line", "second line"))


def _result(*outcomes: Outcome, **end: Any) -> Any:
    rows = [CheckEnded(item, outcome) for item, outcome in zip(LAB.checks, outcomes, strict=False)]
    return fold([started(LAB), *rows, RunEnded(1.5, **end)])


MIXED = _result(
    Outcome(Status.PASSED, seconds=0.5),
    Outcome(Status.FAILED, Reason.MISMATCH, FAILURE),
    Outcome(Status.BLOCKED, blocked_by=("one/b",)),
    Outcome(Status.PASSED),
)
UNDECIDED = _result(
    Outcome(Status.PASSED), Outcome(Status.PASSED), Outcome(Status.PASSED), Outcome(Status.ERRORED, note="our bug")
)
REJECTED = fold(
    [
        started(LAB),
        StartFailed(Startup(Reason.REJECTED, Failure("its own code", "src/app.py:12: imports http.server", "no"))),
        RunEnded(0.1),
    ]
)


@pytest.mark.parametrize("name", formats.FORMATS)
@pytest.mark.parametrize("result", [MIXED, UNDECIDED, REJECTED], ids=["mixed", "undecided", "rejected"])
def test_a_report_is_a_function_of_the_result(name: str, result: Any) -> None:
    """Rendered twice it is equal, to the byte; and it says something."""
    assert formats.render(name, result) == formats.render(name, result) != b""


@pytest.mark.parametrize("name", ["markdown", "html", "junit", "gradescope", "github", "gitlab"])
def test_a_failure_is_told_so_that_one_can_act(name: str) -> None:
    """Expected, got, why, the request as a curl line, the log."""
    page = formats.render(name, MIXED).decode()
    for words in ("429", "200 OK", "a limit is a limit", "curl -i", "second line"):
        assert words in page


@pytest.mark.parametrize("name", ["markdown", "html"])
def test_people_see_points_and_what_is_blocked(name: str) -> None:
    """The score, each stage's points, each check's."""
    page = formats.render(name, MIXED).decode()
    for words in ("4 of 7 points (57%)", "3/5", "3/3", "0/2", "blocked"):
        assert words in page.replace("\\", "")


@pytest.mark.parametrize("name", ["markdown", "html"])
def test_what_was_not_graded_is_no_zero(name: str) -> None:
    """Null, never 0; and it costs nobody anything."""
    page = formats.render(name, UNDECIDED).decode().replace("\\", "")
    assert "Not graded: the result is incomplete" in page
    assert "our bug" in page


def test_gradescope_gets_points_or_none() -> None:
    """A score per check; without a score at all, Gradescope says that the autograder failed."""
    page = json.loads(formats.render("gradescope", MIXED))
    assert page["score"] == 4
    assert [(test["score"], test["max_score"], test["status"]) for test in page["tests"]] == [
        (3, 3, "passed"), (0, 2, "failed"), (0, 1, "failed"), (1, 1, "passed"),
    ]  # fmt: skip
    undecided = json.loads(formats.render("gradescope", UNDECIDED))
    assert "score" not in undecided
    assert all("score" not in test for test in undecided["tests"])


def test_an_inconclusive_check_counts_for_nobody_in_gradescope() -> None:
    """Its points are neither earned nor possible, so that the shares agree."""
    outcomes = [Outcome(Status.PASSED)] * 3 + [Outcome(Status.INCONCLUSIVE)]
    page = json.loads(formats.render("gradescope", _result(*outcomes)))
    assert page["score"] == sum(test.get("max_score", 0) for test in page["tests"]) == 6


def test_junit_has_a_case_per_check_and_a_suite_per_stage() -> None:
    """Failures fail, blocked ones are skipped, undecided ones are errors."""
    root = ET.fromstring(formats.render("junit", MIXED))
    assert [suite.get("name") for suite in root] == ["one", "two"]
    cases = {case.get("name"): [child.tag for child in case] for case in root.iter("testcase")}
    assert cases == {"a": [], "b": ["failure"], "c": ["skipped"], "d": []}
    undecided = ET.fromstring(formats.render("junit", UNDECIDED))
    assert [child.tag for case in undecided.iter("testcase") for child in case] == ["error"]


def test_gitlab_shows_titles_and_the_file() -> None:
    """Its list has no more than names; the file leads to the solution."""
    cases = list(ET.fromstring(formats.render("gitlab", MIXED, "labs/one/")).iter("testcase"))
    assert [case.get("name") for case in cases] == ["A (one/a)", "B (one/b)", "C (two/c)", "D (two/d)"]
    assert {case.get("file") for case in cases} == {"labs/one/solution.toml"}


def test_annotations_stand_on_the_solution_file() -> None:
    """Failures only: what passed or was blocked needs no mark."""
    (line,) = formats.render("github", MIXED, "sub").decode().splitlines()
    assert line.startswith("::error file=sub/solution.toml,line=1,title=B::one/b: failed (MISMATCH)%0AExpected  429%0A")


@pytest.mark.parametrize("folder, file", [("", "x"), (".", "x"), ("./", "x"), ("./a", "a/x"), ("a/b/", "a/b/x")])
def test_a_file_is_named_as_its_repository_names_it(folder: str, file: str) -> None:
    """However the folder was written."""
    assert telling.path_in(folder, "x") == file


def test_a_static_rule_is_marked_where_it_was_broken() -> None:
    """The line that the refusal names."""
    (line,) = formats.render("github", REJECTED, "sub").decode().splitlines()
    assert line.startswith("::error file=sub/src/app.py,line=12,title=Not started%3A REJECTED::")


@pytest.mark.parametrize("got", ["/etc/passwd:1: x", "../x:1: x", "a/../../x:1: x", "no place", "x:y: z"])
def test_a_place_outside_of_the_solution_is_none(got: str) -> None:
    """A file's name is the learner's text too."""
    assert telling.place(Reason.REJECTED, Failure("", got)) is None


@pytest.mark.parametrize("got", ["a.py:3: x", "a.py:3 brings in x, and 2 more"])
def test_a_place_is_read_however_the_sentence_goes_on(got: str) -> None:
    """File and line come first."""
    assert telling.place(Reason.REJECTED, Failure("", got)) == ("a.py", 3)


COMPARED = Comparison(Call.PASSED, Measure.THROUGHPUT, 0.3, 0.9312, 0.9, 1.0, 0.91, 0.95, 8, 0)
SIDE = SideFigures(9000.0, 60.0, 1.0, 2.0, 0.0)
LOAD = LoadReport(COMPARED, None, SIDE, SIDE, 25.0, 500.0, 1234, 0, 5.9)


@pytest.mark.parametrize("name", formats.FORMATS)
def test_what_was_measured_is_told_in_the_terminals_words(name: str) -> None:
    """Load in Markdown and HTML, which have room for it; the time to recover wherever a check is told."""
    outcome = Outcome(Status.FAILED, Reason.MISMATCH, FAILURE, recovery=1.5)
    result = dataclasses.replace(_result(outcome), load=LOAD)
    page = formats.render(name, result).decode()
    if name in {"markdown", "html"}:
        plain = re.sub(r"\\(?=[^\w\s])", "", html.unescape(page))
        for _, text in load.lines(LOAD):
            assert text in plain
    if name != "json":
        assert "Served again 1.50 s after the fault was over" in page
        assert "Margin" not in page


def test_only_a_refusal_names_a_place() -> None:
    """What a service answered may look like one."""
    assert telling.place(Reason.MISMATCH, Failure("", "a.py:1: x")) is None


def test_more_annotations_than_github_shows_end_in_a_count() -> None:
    """Ten of a kind; the tenth says how many more."""
    many = lab(*(check(f"one/c{number}") for number in range(15)))
    rows = [CheckEnded(item, Outcome(Status.FAILED, Reason.MISMATCH, FAILURE)) for item in many.checks]
    page = formats.render("github", fold([started(many), *rows, RunEnded(1.0)])).decode()
    assert page.count("\n") == 10
    assert "and 6 more" in page.splitlines()[-1]


def test_a_problem_of_the_machine_is_a_warning() -> None:
    """Once, not once per check."""
    result = _result(problem="no engine answers", at_fault=Fault.ENVIRONMENT)
    (line,) = formats.render("github", result).decode().splitlines()
    assert line.startswith("::warning ")
    assert line.endswith("::no engine answers")


def test_a_summary_stays_within_what_github_takes() -> None:
    """1 MiB; what is left out is counted."""
    long = Failure("x" * 1900, "y" * 1900, "", (), tuple("z" * 390 for _ in range(100)))
    many = lab(*(check(f"one/c{number}") for number in range(60)))
    rows = [CheckEnded(item, Outcome(Status.FAILED, Reason.MISMATCH, long)) for item in many.checks]
    page = formats.render("markdown", fold([started(many), *rows, RunEnded(1.0)])).decode()
    assert len(page.encode()) < 1_000_000
    assert "more are left out here" in page


def test_a_hidden_check_tells_no_more_than_its_reason() -> None:
    """C12: reports show what the result holds, which is not what was asked."""
    outcome = Outcome(Status.FAILED, Reason.MISMATCH)
    result = _result(outcome)
    for name in ("markdown", "html", "junit", "github", "gradescope"):
        assert "what exactly was asked is not told" in formats.render(name, result).decode()
