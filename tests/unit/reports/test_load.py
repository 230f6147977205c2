"""The load measurement as a learner reads it."""

from __future__ import annotations

import dataclasses
import io

from labrunner.model.event import LoadMeasured, LoadProgress, RunEnded
from labrunner.model.load import Call, Comparison, LoadReport, Measure, SideFigures
from labrunner.reports import load, terminal
from labrunner.reports.live import Live
from labrunner.rules.fold import fold
from tests.builders import check, lab, started

CAPACITY = Comparison(Call.PASSED, Measure.THROUGHPUT, 0.4, 0.97, 0.91, 1.04, 0.94, 1.01, 5, 1)
LATENCY = Comparison(Call.PASSED, Measure.LATENCY, 1.0, 3.8, 3.0, 4.2, 3.2, 4.1, 5, 0)
REPORT = LoadReport(
    capacity=CAPACITY,
    latency=LATENCY,
    learner=SideFigures(9700.0, 103.0, 0.8, 2.1, 0.004),
    reference=SideFigures(10000.0, 100.0, 0.8, 2.0, 0.0),
    objective_ms=25.0,
    rate=2000.0,
    requests=18250,
    unanswered=0,
    seconds=5.84,
)


def _text(report: LoadReport) -> str:
    return "\n".join(f"{label:9}{text}" for label, text in load.lines(report))


def test_ratios_come_first_and_with_their_confidence() -> None:
    """Ratio, what was needed, range, interval; absolute figures beside them, for orientation."""
    assert _text(REPORT) == (
        "Capacity 0.97 of the reference (needed: 0.40), enough; 5 pairs of windows, 0.91 to 1.04, 95 % interval 0.94 to 1.01\n"
        "         9,700 answers a second (reference 10,000), 103 us of CPU each (reference 100)\n"
        "Latency  95 of 100 within 2.1 ms (reference 2.0 ms), 0.4% over 25 ms (reference 0.0%), at 2,000 requests a second: "
        "quick enough; 5 pairs\n"
        "Answers  18,250 answers recorded in 5.8 s of measuring, all of them judged"
    )


def test_borderline_is_said_to_be() -> None:
    """It passes, but nobody should rely on it."""
    report = dataclasses.replace(REPORT, capacity=dataclasses.replace(CAPACITY, call=Call.BORDERLINE))
    assert "borderline: too close to the threshold to fail it" in _text(report)


def test_cpu_time_is_said_to_be_what_was_compared() -> None:
    """Where the generator was the bottleneck."""
    report = dataclasses.replace(REPORT, capacity=dataclasses.replace(CAPACITY, measure=Measure.CPU))
    assert "0.97 of the reference by CPU time per request" in _text(report)


def test_what_could_not_be_told_says_why() -> None:
    """An inconclusive comparison without one good pair, and a latency that there was no point in measuring."""
    nothing = Comparison(Call.INCONCLUSIVE, Measure.THROUGHPUT, 0.4, 0, 0, 0, 0, 0, 0, 5, "5 of 5 pairs were spoilt")
    report = dataclasses.replace(REPORT, capacity=nothing, latency=None, unanswered=3)
    text = _text(report)
    assert text.startswith("Capacity inconclusive: 5 of 5 pairs were spoilt")
    assert "Latency" not in text
    assert text.endswith("all of them judged; 3 without a known outcome")


def test_a_trace_that_was_cut_is_said_to_be() -> None:
    """Then nothing was judged by it."""
    text = _text(dataclasses.replace(REPORT, dropped=250))
    assert text.endswith("18,250 answers recorded in 5.8 s of measuring, none of them judged: 250 more had no room")


def test_the_report_shows_it_and_the_progress_line_bears_it() -> None:
    """From the events of a run."""
    of = lab(check("load/capacity"))
    file = io.StringIO()
    console = terminal.Console(file=file, width=90, force_terminal=True)
    with Live(console) as live:
        for event in (LoadProgress(0.0, "waiting"), LoadProgress(0.5, "capacity: 1"), LoadMeasured(REPORT)):
            live.add(event)
    result = fold([started(of), LoadMeasured(REPORT), RunEnded(7.0)])
    assert result.load == REPORT
    page = io.StringIO()
    terminal.show(result, terminal.Console(file=page, width=90))
    assert "Capacity  0.97 of the reference (needed: 0.40)" in page.getvalue()
