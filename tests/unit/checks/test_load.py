"""The trace of a load measurement, as a lab's check asks for it."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

import pytest

from labrunner.checks import Undecided
from labrunner.checks.load import Load, Record
from labrunner.loadtest.exchange import Exchange, Request
from labrunner.loadtest.recording import trace
from labrunner.model.load import Call, Comparison, LoadReport, Measure, SideFigures

FIGURES = SideFigures(1000.0, 100.0, 1.0, 2.0, 0.0)
CAPACITY = Comparison(Call.PASSED, Measure.THROUGHPUT, 0.4, 1.0, 0.9, 1.1, 0.95, 1.05, 5, 0)
REPORT = LoadReport(CAPACITY, None, FIGURES, FIGURES, 25.0, 200.0, 3, 0, 5.0)


class _User:
    @classmethod
    def read(cls, request: Request, status: int, body: bytes) -> int:
        return int(body)


def _exchange(key: str, sent: float, body: bytes) -> Exchange:
    return Exchange(Request(key, 7, b""), sent, sent + 0.5, 200, body, 0.0, was_waiting=False)


TRACE = trace([_exchange("b", 2.0, b"20"), _exchange("a", 3.0, b"30"), _exchange("b", 1.0, b"10")], cast("Any", _User))


def test_a_check_gets_every_record_by_key() -> None:
    """Each key's in the order of their sending, with what the lab read of the answer."""
    found = dict(Load(REPORT, {}, {}, TRACE).by_key())
    assert found == {
        "a": [Record(7, 200, 30, 3.0, 3.5)],
        "b": [Record(7, 200, 10, 1.0, 1.5), Record(7, 200, 20, 2.0, 2.5)],
    }


def test_a_trace_that_was_cut_is_not_judged() -> None:
    """A record that had no room may be what explains one that had."""
    cut = dataclasses.replace(REPORT, dropped=1)
    with pytest.raises(Undecided, match="1 requests under load were more than can be kept"):
        dict(Load(cut, {}, {}, TRACE).by_key())
