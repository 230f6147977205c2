"""The page a learner reads, as golden text. A change of it is made on purpose, here."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labrunner.model.event import CheckEnded, Phase, PhaseEnded, RunEnded, StartFailed
from labrunner.model.lab import Visibility
from labrunner.model.outcome import Exchange, Failure, Outcome
from labrunner.model.result import Fault, Result, Startup
from labrunner.model.status import Reason, Status
from labrunner.model.timeline import Row, Timeline
from labrunner.reports import html, telling, terminal
from labrunner.rules.fold import fold
from tests.builders import check, lab, started

LAB = lab(
    check("window/counts", points=3),
    check("window/resets", points=2),
    check("window/secret", points=1, visibility=Visibility.HIDDEN),
    check("headers/retry-after", "window/counts", points=4),
)
COUNTS, RESETS, SECRET, RETRY = LAB.checks
PASSED = Outcome(Status.PASSED)


def _page(result: Result, *, encoding: str = "utf-8", colour: bool = False, width: int = 80) -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, errors="strict", newline="")
    terminal.show(result, terminal.Console(file=file, width=width, highlight=False, emoji=False,
                                           force_terminal=colour, color_system="truecolor" if colour else None))  # fmt: skip
    file.flush()
    return raw.getvalue().decode(encoding)


def _failing(failure: Failure | None, *others: Outcome) -> Result:
    rest = [CheckEnded(each, outcome) for each, outcome in zip((COUNTS, SECRET, RETRY), others, strict=False)]
    broken = Outcome(Status.FAILED, Reason.MISMATCH, failure)
    return fold([started(LAB), PhaseEnded(Phase.START, 0.2), CheckEnded(RESETS, broken), *rest, RunEnded(2.25)])


FAILURE = Failure(
    expected="200 OK",
    got="429 Too Many Requests",
    why="A window that never ends locks every client out for good, and they will ask you why their money was taken.",
    exchanges=(
        Exchange("POST", "/resource/basic?a=b c", (("X-Client", "it's me"),), "{}", 1.0, 1.5, 429,
                 (("Server", "x"), ("Retry-After", "0"), ("Content-Length", "2")), "no"),
    ),
    log=("denied", "still denied"),
)  # fmt: skip

GOLDEN = """\
tiny 1.0.0 · python · process runtime · seed s33d

✗ 1 window  Window                                                           3/6
    ✓ Counts                                                                 3/3
    ✗ Resets                                                                 0/2
    ✗ Secret                                                                 0/1
○ 2 headers  Headers                                                         0/4
    ○ Retry-after                                                        blocked

✗ Resets  window/resets
  Expected  200 OK
  Got       429 Too Many Requests
  Why       A window that never ends locks every client out for good, and they
            will ask you why their money was taken.
  Request   paste this while `lab run` runs in another terminal:
    curl -i -X POST -H 'X-Client: it'"'"'s me' -H Content-Type: --data-raw '{}' 'http://127.0.0.1:8000/resource/basic?a=b c'
    < HTTP/1.1 429
    < Retry-After: 0
    < no
  Log       the service wrote at that moment:
    | denied
    | still denied
  Hint      lab hint window/resets
  Again     lab test window/resets --seed s33d
  Replay    lab replay 1

✗ Secret  window/secret
  Hidden    TIMEOUT; what exactly was asked is not told
  Hint      lab hint window/secret
  Again     lab test window/secret --seed s33d

3 of 10 points · 1 passed, 2 failed, 1 blocked · 2.2 s
Mend the first failure, then `lab test` again.
"""


def _example() -> Result:
    hidden = Outcome(Status.FAILED, Reason.TIMEOUT, Failure("the secret", "is out"))
    return _failing(FAILURE, PASSED, hidden, Outcome(Status.BLOCKED, blocked_by=("window/counts",)))


def test_the_page_at_80_columns() -> None:
    """Stages and checks with points; of the first failing stage each failure with evidence and what to type next."""
    page = "\n".join(line.rstrip() for line in _page(_example()).splitlines()) + "\n"
    assert page == GOLDEN


def test_nothing_but_the_curl_line_is_wider_than_the_terminal() -> None:
    """That line must stay in one piece to be pasted."""
    for width in (60, 80, 200):
        lines = _page(_example(), width=width).splitlines()
        assert all(len(line) <= width for line in lines if "curl -i" not in line)
        assert sum("curl -i" in line for line in lines) == 1


def test_a_hidden_check_shows_no_evidence() -> None:
    """Name, category and hint; what was asked is not told."""
    assert "the secret" not in _page(_example())
    assert "is out" not in _page(_example())


def test_an_ascii_terminal_gets_ascii() -> None:
    """No mark or dot that it cannot show, and no crash."""
    page = _page(_example(), encoding="ascii")
    assert "x 1 window" in page
    assert "3 of 10 points - 1 passed" in page


HOSTILE = "\x1b[2J\x1b]0;pwned\x07 \r✓ ALL PASSED\n\t[bold]x[/nope] \u202etxt\u200b \x9b31m\x00 :tada:"


@pytest.mark.parametrize("colour", [False, True])
def test_learner_text_cannot_touch_the_terminal(colour: bool) -> None:
    """G7 to G9: no ESC but our own colours, no carriage return, no bidi, no markup read, no line of its own."""
    failure = Failure(HOSTILE, HOSTILE, HOSTILE, (
        Exchange("GET", f"/{HOSTILE}", ((HOSTILE, HOSTILE),), HOSTILE, 0.0, 1.0, 200, ((HOSTILE, HOSTILE),), HOSTILE),
    ), (HOSTILE,))  # fmt: skip
    page = _page(_failing(failure, PASSED), colour=colour)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", page)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e]", plain)
    assert r"\x1b[2J" in plain
    assert "[bold]x[/nope]" in plain
    assert ":tada:" in plain
    assert not any(line.lstrip().startswith("✓ ALL PASSED") for line in plain.splitlines())
    if not colour:
        assert plain == page


@given(st.text(st.characters(codec=None), max_size=60))
def test_any_text_leaves_a_page_that_can_be_written(text: str) -> None:
    """C15: the report is always produced, whatever the service says, in any encoding."""
    exchange = Exchange("GET", "/", (), "", 0.0, 1.0, 200, (), text)
    row = Row(text, text, text, 0, None, is_impossible=True, is_origin=False)
    failure = Failure(text, text, text, (exchange,), (text,), Timeline(text, (row,), 1, 0, text, text))
    for encoding in ("utf-8", "ascii", "latin-1"):
        result = _failing(failure, PASSED)
        raw = io.BytesIO()
        file = io.TextIOWrapper(raw, encoding=encoding, errors="backslashreplace")
        terminal.show(result, terminal.Console(file=file, width=80))
        file.flush()
        assert b"1 failed" in raw.getvalue()


def test_what_many_requests_prove_together_is_drawn() -> None:
    """In every report of text, and as a picture in the page."""
    rows = (Row("client 1", "0.0 to 2.0 ms", "PUT b", 0, 1, is_impossible=False, is_origin=False),
            Row("client 2", "3.0 to 4.0 ms", "GET -> a", 2, 3, is_impossible=True, is_origin=False))  # fmt: skip
    failure = Failure("200 b", "200 a", "", timeline=Timeline("k: no order is right", rows, 4, 0, "b", "a"))
    result = _failing(failure, PASSED)
    (drawn,) = [line for line in telling.of_failure(failure) if "client 2" in line]
    assert "✗ impossible" in drawn
    assert drawn.strip()[:40] in _page(result)
    page = html.render(result).decode()
    assert page.count("<svg xmlns") == 1
    assert "GET -&gt; a  ✗ impossible" in page


def test_a_service_that_did_not_start_is_the_whole_story() -> None:
    """No list of checks that could not run; the reason, the last words."""
    startup = Startup(
        Reason.CRASHED, Failure("a service that keeps running", "it exited with code 1", "", log=("Boom",))
    )
    page = _page(fold([started(LAB), StartFailed(startup), RunEnded(0.5)]))
    assert "The service could not be tested" in page
    assert "it exited with code 1" in page
    assert "| Boom" in page
    assert "Counts" not in page
    assert "0 of 10 points" in page


def test_an_errored_or_undecided_check_is_explained_in_a_line() -> None:
    """Its note's first line; the rest is for the author."""
    outcomes = (Outcome(Status.ERRORED, note="KeyError: 'x'\nTraceback"), Outcome(Status.INCONCLUSIVE, note="stalled"))
    events = [CheckEnded(each, outcome) for each, outcome in zip((COUNTS, RESETS), outcomes, strict=True)]
    page = _page(fold([started(LAB, asked=(COUNTS.id, RESETS.id)), *events, RunEnded(1.0)]))
    assert "errored: window/counts: KeyError: 'x'" in page
    assert "inconclusive: window/resets: stalled" in page
    assert "Traceback" not in page


def test_points_are_counted_as_in_every_other_report() -> None:
    """What is undecided is neither earned nor possible, and is told."""
    outcomes = {COUNTS: PASSED, RESETS: Outcome(Status.INCONCLUSIVE, note="stalled")}
    asked = (COUNTS.id, RESETS.id)
    result = fold([started(LAB, asked=asked), *(CheckEnded(*each) for each in outcomes.items()), RunEnded(1.0)])
    assert "3 of 8 points · 2 more undecided · 1 passed, 1 inconclusive" in _page(result)
    assert telling.headline(result) == "3 of 8 points (38%)"


def test_a_broken_run_tells_its_problem_and_nothing_raw() -> None:
    """The problem may quote a file of the learner's."""
    ended = RunEnded(1.0, problem=f"the program '{HOSTILE}' is missing", at_fault=Fault.ENVIRONMENT)
    page = _page(fold([started(LAB), ended]))
    assert "the program '" in page
    assert not re.search(r"[\x1b\r\x07]", page)


def test_an_interrupted_run_says_so() -> None:
    """And keeps what was known."""
    page = _page(fold([started(LAB), CheckEnded(COUNTS, PASSED)]))
    assert "Interrupted: what was known until then is kept." in page
    assert "3 of 10 points" in page


def test_a_full_house_is_praised() -> None:
    """Only then."""
    everything = [CheckEnded(each, PASSED) for each in LAB.checks]
    assert "Everything passed. Well done!" in _page(fold([started(LAB), *everything, RunEnded(1.0)]))
    assert "Well done" not in _page(fold([started(LAB), *everything[:-1], RunEnded(1.0)]))


def test_only_the_first_failures_are_told_in_full() -> None:
    """A learner mends one at a time."""
    many = lab(*(check(f"s/c{number}") for number in range(9)))
    broken = Outcome(Status.FAILED, Reason.MISMATCH, Failure("this", "that"))
    page = _page(fold([started(many), *(CheckEnded(each, broken) for each in many.checks), RunEnded(1.0)]))
    assert page.count("Expected") == terminal.MOST_FAILURES
    assert "... and 4 more in this stage" in page


@pytest.mark.parametrize("is_dumb", [True, False])
def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch, is_dumb: bool) -> None:
    """With NO_COLOR there is none, and there is none in a pipe."""
    if is_dumb:
        monkeypatch.setenv("NO_COLOR", "1")
    console = terminal.console()
    console.file = io.StringIO()
    terminal.show(_example(), console)
    assert "\x1b" not in console.file.getvalue()
