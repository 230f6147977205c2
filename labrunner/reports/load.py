"""The load measurement in words: ratios first, absolute figures for orientation only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labrunner.model.load import Call, Measure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labrunner.model.load import Comparison, LoadReport

UNANSWERED_MS = 60_000.0
_CALLS = {
    Call.PASSED: "enough",
    Call.BORDERLINE: "borderline: too close to the threshold to fail it",
    Call.FAILED: "too little",
    Call.INCONCLUSIVE: "inconclusive",
}


def lines(report: LoadReport) -> Iterator[tuple[str, str]]:
    """A label and a text for each thing that was measured."""
    yield "Capacity", _capacity(report.capacity)
    own, other = report.learner, report.reference
    cpu = f", {own.cpu_us:,.0f} us of CPU each (reference {other.cpu_us:,.0f})" if own.cpu_us and other.cpu_us else ""
    yield "", f"{own.per_second:,.0f} answers a second (reference {other.per_second:,.0f}){cpu}"
    if report.latency is not None:
        yield "Latency", _latency(report)
    extent = f"none of them judged: {report.dropped:,} more had no room" if report.dropped else "all of them judged"
    judged = f"{report.requests:,} answers recorded in {report.seconds:.1f} s of measuring, {extent}"
    yield "Answers", f"{judged}; {report.unanswered:,} without a known outcome" if report.unanswered else judged


def _capacity(found: Comparison) -> str:
    if not found.pairs:
        return f"{_CALLS[found.call]}: {found.note}"
    what = " by CPU time per request" if found.measure is Measure.CPU else ""
    verdict = f"{_CALLS[found.call]}: {found.note}" if found.note else _CALLS[found.call]
    return (
        f"{found.median:.2f} of the reference{what} (needed: {found.threshold:.2f}), {verdict}; {found.pairs} pairs of "
        f"windows, {found.least:.2f} to {found.most:.2f}, 95 % interval {found.low:.2f} to {found.high:.2f}"
    )


def _ms(value: float) -> str:
    """A request that was never answered, or never sent for want of a free connection, counts as a minute."""
    return f"{value:.1f} ms" if value < UNANSWERED_MS else "a time beyond all patience"


def _latency(report: LoadReport) -> str:
    found, own, other = report.latency, report.learner, report.reference
    assert found is not None
    verdict = {Call.PASSED: "quick enough", Call.FAILED: "too slow"}.get(found.call, _CALLS[found.call])
    note = f": {found.note}" if found.note else ""
    return (
        f"95 of 100 within {_ms(own.p95_ms)} (reference {_ms(other.p95_ms)}), {own.over:.1%} over "
        f"{report.objective_ms:.0f} ms (reference {other.over:.1%}), at {report.rate:,.0f} requests a second: {verdict}{note}; "
        f"{found.pairs} pairs"
    )
