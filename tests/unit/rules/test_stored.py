from __future__ import annotations

import json

import pytest
from hypothesis import given, settings

from labrunner.errors import BadResultFile
from labrunner.model.event import RunEnded
from labrunner.model.result import SCHEMA, Result
from labrunner.rules import stored, wire
from labrunner.rules.fold import fold
from tests.builders import started
from tests.hostile import LAB, results, tame

RESULT = fold([started(LAB), RunEnded(1.0)])
PAGE = json.loads(wire.pretty(RESULT))


@settings(max_examples=25)
@given(results().map(tame))
def test_what_was_stored_is_read_again(result: Result) -> None:
    """Equal, whatever the verdicts (`test_wire` has the texts)."""
    assert stored.result_of(wire.pretty(result), "r") == result


def test_an_envelopes_result_is_read_too() -> None:
    """`lab report` takes both."""
    assert stored.result_of(json.dumps({"envelope": {"result": PAGE}}).encode(), "r") == RESULT


def test_fields_of_tomorrow_are_no_error() -> None:
    """Within a schema, fields are only added."""
    assert stored.result_of(json.dumps(PAGE | {"tomorrow": 1}).encode(), "r") == RESULT


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"null", b"\xff", b"{}", b'{"envelope": 1}', b'{"envelope": {"result": []}}', b"[" * 100_000,
     b'{"a": NaN}', b'{"schema": 1, "schema": 1}', b"9" * 5000, json.dumps(PAGE | {"checks": 1}).encode(),
     json.dumps(PAGE | {"schema": "1"}).encode()],
    ids=range(14),
)  # fmt: skip
def test_what_is_no_result_is_told_in_one_sentence(data: bytes) -> None:
    """Malformed in any way: the file, what is wrong, exit code 2."""
    with pytest.raises(BadResultFile) as caught:
        stored.result_of(data, "r.json")
    assert caught.value.message.startswith("r.json ")
    assert caught.value.message.count("\n") == 0
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("page", [PAGE | {"schema": SCHEMA + 1}, {"schema": SCHEMA + 7, "other": True}])
def test_a_newer_schema_says_what_to_do(page: dict[str, object]) -> None:
    """Whatever else is in it."""
    with pytest.raises(BadResultFile, match="newer labrunner") as caught:
        stored.result_of(json.dumps(page).encode(), "r.json")
    assert caught.value.hint == "Update labrunner."
