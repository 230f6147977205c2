from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labrunner.model.event import CheckEnded, RunEnded, StartFailed
from labrunner.model.outcome import Attempt, Exchange, Failure, Outcome
from labrunner.model.result import Fault, Result, Startup
from labrunner.model.status import Reason, Status
from labrunner.rules import wire
from labrunner.rules.fold import fold
from tests.builders import check, lab, started

LAB = lab(check("one/a"), check("one/b", "one/a"))
SCHEMA = wire.schema(Result)

# What the rest of the program lets through: text without lone surrogates, times that are numbers.
_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_seconds = st.floats(0, 1e6)
_exchanges = st.builds(
    Exchange, _text, _text, st.tuples(st.tuples(_text, _text)), _text, _seconds, _seconds,
    st.one_of(st.none(), st.integers(100, 999)), st.tuples(st.tuples(_text, _text)), _text, _text, _text,
)  # fmt: skip
_failures = st.builds(Failure, _text, _text, _text, st.tuples(_exchanges), st.tuples(_text))
_reasons = st.one_of(st.none(), st.sampled_from(Reason))
_outcomes = st.builds(
    Outcome, st.sampled_from(Status), _reasons, st.one_of(st.none(), _failures), _text, st.tuples(_text),
    st.integers(0, 9), _seconds, _seconds,
)  # fmt: skip


def _results() -> st.SearchStrategy[Result]:
    startups = st.builds(StartFailed, st.builds(Startup, st.sampled_from(Reason), _failures))
    ends = st.builds(RunEnded, _seconds, st.booleans(), _text, st.one_of(st.none(), st.sampled_from(Fault)))
    ended = st.builds(CheckEnded, st.sampled_from(LAB.checks), _outcomes)
    return st.builds(
        lambda rows, startup, end: fold([started(LAB), *rows, *startup, end]),
        st.lists(ended, max_size=3), st.lists(startups, max_size=1), ends,
    )  # fmt: skip


@given(_results())
def test_a_result_survives_storing(result: Result) -> None:
    """Written and read again it is equal, so that a report can be made of it later and elsewhere."""
    assert wire.decode(wire.pretty(result), Result) == result


@given(_results())
def test_every_result_fits_the_schema(result: Result) -> None:
    """Whatever the verdicts and texts: what is written is what the schema promises."""
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(wire.pretty(result)))


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"null", b'{"sight": "passed"}', b'{"sight": "odd", "started": 0, "ended": 1}',
     b'{"sight": "passed", "started": "0", "ended": 1}', b"\xff", b"[" * 100_000],
    ids=["nothing", "cut", "array", "null", "missing", "unknown", "mistyped", "bytes", "deep"],
)  # fmt: skip
def test_what_is_not_of_the_form_is_refused(data: bytes) -> None:
    """Strictly: a child's line is believed only when it is exactly what it should be."""
    with pytest.raises((ValueError, RecursionError)):
        wire.decode(data, Attempt)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_json_never_holds_what_is_no_number(number: float) -> None:
    """NaN and infinity are not JSON."""
    assert json.loads(wire.encode([number])) == [None]


def test_the_schema_is_one_that_validators_take() -> None:
    """Draft 2020-12, and it forgives no missing field."""
    schema: dict[str, Any] = SCHEMA
    jsonschema.Draft202012Validator.check_schema(schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({}, schema)
