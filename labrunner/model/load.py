"""Load: what a lab asks for, and what came of it. Everything is a ratio to the lab's reference in the same run."""

from __future__ import annotations

import enum
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoadSpec:
    """``[load]`` of ``lab.toml``.

    Attributes:
        capacity: the least ratio of the solution's capacity to the reference's.
        p95: the greatest ratio of the solution's 95th percentile of latency to the reference's.
        objective_ms: latency that is good enough for anybody; a slower reference does not excuse a slower solution, but
            a solution within it is never slow.
        rate: of the open schedule, as a share of the reference's capacity.
        users: connections that ask at once.
        reference: language of the reference for solutions in a language without one.
    """

    capacity: float
    p95: float
    objective_ms: float
    rate: float
    users: int
    reference: str


class Call(enum.StrEnum):
    """What the pairs of windows say."""

    PASSED = "passed"
    BORDERLINE = "borderline"
    """Passed, because even after all extensions it is too close to the threshold to call it a failure."""
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


class Measure(enum.StrEnum):
    """What is compared."""

    THROUGHPUT = "throughput"
    CPU = "cpu"
    """CPU time per request: where the load generator, not the service, is the bottleneck."""
    LATENCY = "latency"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The solution against the reference, over pairs of windows. All figures are ratios; greater is better.

    Attributes:
        threshold: below it is too little.
        median, least, most: of the pairs' ratios; 0 when there is no pair.
        low, high: a bootstrap interval of the median (95 %).
        pairs: how many counted.
        spoilt: how many did not, because the machine or the generator got in the way.
        note: why it is inconclusive; else empty.
    """

    call: Call
    measure: Measure
    threshold: float
    median: float
    least: float
    most: float
    low: float
    high: float
    pairs: int
    spoilt: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class SideFigures:
    """Absolute figures of one side: for orientation, never for a verdict (machines differ, and drift).

    Attributes:
        per_second: answers per second in the closed loop, median of the windows.
        cpu_us: CPU time per request, in microseconds; 0 where it is not known.
        p50_ms, p95_ms: latency in the open schedule, counted from when each request was due.
        over: share of requests over the objective.
    """

    per_second: float
    cpu_us: float
    p50_ms: float
    p95_ms: float
    over: float


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What one load measurement found.

    Attributes:
        latency: None when there was no point in measuring it.
        rate: requests per second of the open schedule.
        requests: of the solution, all recorded for the judge.
        unanswered: of these, how many have no known outcome.
        dropped: how many more there were than could be kept; without them nothing is judged.
        seconds: wall time of the measurement, without builds and starts.
    """

    capacity: Comparison
    latency: Comparison | None
    learner: SideFigures
    reference: SideFigures
    objective_ms: float
    rate: float
    requests: int
    unanswered: int
    seconds: float
    dropped: int = 0
