"""Results whose every text may be an attack, and their twins: the same results with harmless text in each place."""

from __future__ import annotations

import dataclasses
from typing import Any

from hypothesis import strategies as st

from labrunner.model.event import CheckEnded, RunEnded, StartFailed
from labrunner.model.outcome import Exchange, Failure, Outcome
from labrunner.model.result import Fault, Result, Startup
from labrunner.model.status import Reason, Status
from labrunner.model.timeline import Row, Timeline
from labrunner.rules.fold import fold
from tests.builders import check, lab, started

LAB = lab(check("one/a", points=3), check("one/b", "one/a"), check("two/c"))

ATTACKS = (
    "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><b>', "'><a href=javascript:alert(1)>x</a>",
    "```", "````\n# PASSED", "~~~", "|x|", "\n\n## 100%", "<!--", "]]>", "<![CDATA[", "&#0;", "&amp;lt;", "{{7*7}}", "{%raw%}",
    "::error::forged", "\n::set-env name=PATH::/evil", "##[error]forged", "%0A::error::x", "::stop-commands::x", "\r::debug::",
    "\x1b[2J\x1b]0;t\x07", "\x00", "\x0b\x0c", "\u202e\u2066", "\u2028", "\ufffe\uffff", "\ud800", "@everyone", "#1", "www.x.test",
    "[x](javascript:alert(1))", "![](http://127.0.0.1:1/beacon.png)", "[[ATTACHMENT|/etc/passwd]]", "=HYPERLINK(1)",
    "$$x$$", ":x:", "\\", "<details>", "    code", "- x", "1. x", "> x", "---", "===", "\t", " ",
)  # fmt: skip
"""What each reader of a report would take for its own, were it not escaped."""

texts = st.lists(
    st.one_of(st.sampled_from(ATTACKS), st.text(max_size=8)), min_size=1, max_size=4,
).map("".join)  # fmt: skip
_seconds = st.floats(0, 1e4)
_exchanges = st.builds(
    Exchange, texts, texts, st.tuples(st.tuples(texts, texts)), texts, _seconds, _seconds,
    st.one_of(st.none(), st.integers(100, 999)), st.tuples(st.tuples(texts, texts)), texts, texts, texts,
)  # fmt: skip
_numbers = st.integers(-9, 10**12)
_rows = st.builds(Row, texts, texts, texts, _numbers, st.one_of(st.none(), _numbers), st.booleans(), st.booleans())
_timelines = st.builds(
    Timeline, texts, st.lists(_rows, max_size=2).map(tuple), _numbers, st.integers(0, 3), texts, texts
)
failures = st.builds(
    Failure, texts, texts, texts, st.one_of(st.just(()), st.tuples(_exchanges)), st.lists(texts, max_size=3).map(tuple),
    st.one_of(st.none(), _timelines),
)  # fmt: skip
_outcomes = st.builds(
    Outcome, st.sampled_from(Status), st.one_of(st.none(), st.sampled_from(Reason)), st.one_of(st.none(), failures),
    st.just("a note"), st.just(("one/a",)), st.integers(0, 9), _seconds, _seconds,
)  # fmt: skip


def results() -> st.SearchStrategy[Result]:
    """Any run, with hostile text wherever a learner's text can come."""
    startups = st.builds(StartFailed, st.builds(Startup, st.sampled_from(Reason), failures))
    ends = st.builds(RunEnded, _seconds, st.booleans(), st.just(""), st.one_of(st.none(), st.sampled_from(Fault)))
    ended = st.builds(CheckEnded, st.sampled_from(LAB.checks), _outcomes)
    return st.builds(
        lambda rows, startup, end: fold([started(LAB), *rows, *startup, end]),
        st.lists(ended, max_size=3), st.lists(startups, max_size=1), ends,
    )  # fmt: skip


_LEARNERS = {Exchange, Failure, Row, Timeline}


def tame(value: Any) -> Any:
    """`value` with every text of the learner's replaced by a harmless one."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        is_learners = type(value) in _LEARNERS
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return type(value)(**{name: _harmless(part) if is_learners else tame(part) for name, part in fields.items()})
    return tuple(tame(part) for part in value) if isinstance(value, tuple) else value


def _harmless(value: Any) -> Any:
    if isinstance(value, str):
        return "x" if value else ""
    if isinstance(value, tuple):
        return tuple(_harmless(part) for part in value)
    return tame(value)
