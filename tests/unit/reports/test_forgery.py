"""A learner's text can forge no report: read by the format's own readers, a report has the shape of its harmless twin."""

from __future__ import annotations

import io
import json
import re
from typing import Any
from xml.etree import ElementTree as ET

import html5lib  # type: ignore[import-untyped]
import junitparser
import pytest
from hypothesis import given, settings
from markdown_it import MarkdownIt

from labrunner.model.event import CheckEnded, RunEnded
from labrunner.model.outcome import Exchange, Failure, Outcome
from labrunner.model.result import Result
from labrunner.model.status import Status
from labrunner.reports import formats, html, junit, markdown, terminal
from labrunner.rules.fold import fold
from labrunner.rules.text import printable
from tests.builders import started
from tests.hostile import ATTACKS, LAB, results, tame

few = settings(max_examples=25)
"""A result is large; `test_every_attack_in_every_place` covers the known attacks one by one."""


def _tree(page: bytes) -> list[tuple[str, list[str]]]:
    """Every element and its attributes, as a browser's parser sees them."""
    root = html5lib.parse(page, treebuilder="etree", namespaceHTMLElements=False)
    return [(str(element.tag), sorted(element.attrib)) for element in root.iter()]


@few
@given(results())
def test_no_text_adds_to_the_html_page(result: Result) -> None:
    """G10: no element and no attribute that its twin has not."""
    assert _tree(html.render(result)) == _tree(html.render(tame(result)))


@few
@given(results())
def test_the_html_page_loads_and_runs_nothing(result: Result) -> None:
    """No script, no link, no source, no handler; and a policy that forbids them all."""
    page = html.render(result)
    for tag, attributes in _tree(page):
        assert tag not in {"script", "a", "img", "link", "iframe", "object", "form", "base"}
        assert not [name for name in attributes if name.startswith("on") or name in {"href", "src", "style", "action"}]
    assert b"default-src 'none'; style-src 'sha256-" in page


def _markdown(page: bytes) -> list[tuple[str, str]]:
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(page.decode())
    return [(token.type, token.tag) for token in tokens for token in (token, *(token.children or ()))]


@few
@given(results())
def test_no_text_adds_to_the_markdown(result: Result) -> None:
    """G10: fences stay closed, tables whole; no heading, link, image or HTML that its twin has not."""
    assert _markdown(markdown.render(result)) == _markdown(markdown.render(tame(result)))
    assert not {"html_block", "html_inline"} & {kind for kind, _ in _markdown(markdown.render(result))}


@few
@given(results())
def test_every_text_of_a_learner_stands_in_a_fence(result: Result) -> None:
    """Outside of fences and code spans, where mentions and links live, the page is that of the harmless twin."""

    def outside(page: bytes) -> str:
        tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(page.decode())
        return "\n".join(token.content for token in tokens if token.type != "fence")

    assert outside(markdown.render(result)) == outside(markdown.render(tame(result)))


def _xml(page: bytes) -> list[tuple[str, list[str], str]]:
    return [(e.tag, sorted(e.attrib), e.get("name", "")) for e in ET.fromstring(page).iter()]


@pytest.mark.parametrize("name", ["junit", "gitlab"])
@few
@given(result=results())
def test_no_text_adds_to_the_xml(name: str, result: Result) -> None:
    """G11: parsed again, and nothing in it that its twin has not."""
    assert _xml(formats.render(name, result)) == _xml(formats.render(name, tame(result)))


@pytest.mark.parametrize("name", ["junit", "gitlab"])
@few
@given(result=results())
def test_a_common_reader_counts_what_is_there(name: str, result: Result) -> None:
    """Junitparser finds each check once, with what became of it."""
    suites = junitparser.JUnitXml.fromstring(formats.render(name, result))
    cases = [case for suite in suites for case in suite]
    assert len(cases) == len(result.checks)
    failed = [case for case in cases if any(isinstance(item, junitparser.Failure) for item in case.result)]
    assert len(failed) == sum(check.status in {Status.FAILED, Status.LIMIT} for check in result.checks)
    passed = [case for case in cases if not case.result]
    assert len(passed) == sum(check.status is Status.PASSED for check in result.checks)


@few
@given(results())
def test_totals_are_those_of_the_cases(result: Result) -> None:
    """Readers that trust the attributes see the same."""
    root = ET.fromstring(junit.render(result))
    for element in (root, *root.iter("testsuite")):
        for attribute, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
            assert int(element.get(attribute, "")) == len(list(element.iter(tag)))


@few
@given(results())
def test_gitlab_is_told_of_no_attachment(result: Result) -> None:
    """``[[ATTACHMENT|...]]`` in a case's text would offer a file of the job."""
    assert b"[[" not in formats.render("gitlab", result)


def _commands(page: bytes) -> list[tuple[str, dict[str, str], str]]:
    """As actions/runner reads lines: a command begins with ``::``, its properties end at the next ``::``."""
    found = []
    for line in page.decode().replace("\r", "\n").split("\n"):
        if not line:
            continue
        matched = re.fullmatch(r"::([a-z-]+) ([^:]*?)::(.*)", line)
        assert matched, line
        pairs = dict(part.split("=", 1) for part in matched[2].split(","))
        found.append((matched[1], pairs, matched[3]))
    return found


@few
@given(results())
def test_every_annotation_is_one_of_ours(result: Result) -> None:
    """F7: each line is one command, of our kinds, on a file of ours; as many as its twin has."""
    commands = _commands(formats.render("github", result, "sub/dir"))
    assert len(commands) == len(_commands(formats.render("github", tame(result), "sub/dir"))) <= 10
    for kind, properties, message in commands:
        assert kind in {"error", "warning"}
        assert properties["file"].startswith("sub/dir/")
        assert properties["line"].isdigit()
        assert "\n" not in message


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shape(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_shape(part) for part in value]
    return "text" if isinstance(value, str) else value


@few
@given(results())
def test_no_text_changes_a_gradescope_score(result: Result) -> None:
    """Points, statuses and visibility are those of its twin, and all output is text."""
    page = json.loads(formats.render("gradescope", result))
    assert _shape(page) == _shape(json.loads(formats.render("gradescope", tame(result))))
    assert {page["output_format"], page["test_output_format"], page["test_name_format"]} == {"text"}
    if result.score.value is None:
        assert "score" not in page
        assert not any("score" in test for test in page["tests"])


@pytest.mark.parametrize("name", ["junit", "gitlab", "markdown", "github", "gradescope", "html"])
@few
@given(result=results())
def test_no_control_character_gets_through(name: str, result: Result) -> None:
    """G7, G9, G13: valid UTF-8 in which nothing moves a cursor or turns the direction of text."""
    for line in formats.render(name, result).decode().split("\n"):
        assert printable(line) == line


@few
@given(results())
def test_a_stored_result_shown_in_a_terminal_moves_no_cursor(result: Result) -> None:
    """`lab report` shows what somebody else stored."""
    console = terminal.Console(file=io.StringIO(), width=80, no_color=True)
    terminal.show(result, console)
    written = console.file.getvalue()  # type: ignore[attr-defined]
    assert not [c for c in written if c != "\n" and printable(c) != c]


@pytest.mark.parametrize("attack", ATTACKS, ids=ascii)
def test_every_attack_in_every_place(attack: str) -> None:
    """Each known one, in all texts of a learner's at once, for each reader."""
    exchange = Exchange(attack, attack, ((attack, attack),), attack, 0.0, 1.0, 200, ((attack, attack),), attack, attack)
    failure = Failure(attack, attack, attack, (exchange,), (attack, attack))
    outcome = Outcome(Status.FAILED, failure=failure)
    result = fold([started(LAB), CheckEnded(LAB.checks[0], outcome), RunEnded(1.0)])
    twin = tame(result)
    assert _tree(html.render(result)) == _tree(html.render(twin))
    assert _markdown(markdown.render(result)) == _markdown(markdown.render(twin))
    for name in ("junit", "gitlab"):
        assert _xml(formats.render(name, result)) == _xml(formats.render(name, twin))
    assert len(_commands(formats.render("github", result))) == len(_commands(formats.render("github", twin)))
    assert _shape(json.loads(formats.render("gradescope", result))) == _shape(
        json.loads(formats.render("gradescope", twin))
    )
