"""Load verdicts from ratios of interleaved windows: sound on a noisy machine, decided as early as can be.

Absolute figures drift by a factor of four within one run on a shared machine; the ratio of two windows beside each
other does not. Yet one pair can be spoilt by a stall. So a solution fails only if nearly all pairs say so, passes if the
median does, and what is neither is measured longer; what stays close to the threshold passes, and is marked.
"""

from __future__ import annotations

import random
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labrunner.model.load import Call, Comparison, Measure

if TYPE_CHECKING:
    from collections.abc import Sequence

PAIRS = 8
"""Of one round; after it comes a second, then a third."""
ROUNDS = 3
GENERATOR_SHARE = 0.8
"""Of a core: above it the generator is what is measured, not the service."""
LEAST_ANSWERS = 200
"""Of the reference in one window. (A solution that answers less is slow; a reference, that the machine is.)"""
LEAST_TIMED = 40
"""Requests in one window of the open schedule: a 95th percentile of fewer says nothing."""
LATENESS = 0.005
"""Seconds; 95th percentile, as of the latencies, of how late the generator itself was, though it had nothing else to do."""
STALL = 0.1
"""Seconds for which the generator was not scheduled at all."""
OVER_ALLOWED = 0.05
"""Share of requests that may take longer than the objective."""
_RESAMPLES = 400
_CROWDED_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Window:
    """One window of the closed loop, of one side.

    Attributes:
        answers: good ones, without those of the ramp.
        seconds: that those took.
        requests: all, ramp included, as `cpu` does.
        cpu: seconds of CPU time that the service used; None where that is not known.
        generator: share of a core that the generator used, or waited for in vain.
        stall: the longest that it was not scheduled, in seconds.
    """

    answers: int
    seconds: float
    requests: int
    cpu: float | None
    generator: float
    stall: float = 0.0

    @property
    def per_second(self) -> float:
        """Answers per second."""
        return self.answers / self.seconds if self.seconds > 0 else 0.0

    @property
    def cpu_per_request(self) -> float | None:
        """Seconds of CPU time for one request; None where that is not known."""
        return self.cpu / self.requests if self.cpu and self.requests else None


@dataclass(frozen=True, slots=True)
class Timed:
    """One window of the open schedule, of one side.

    Attributes:
        p50, p95: seconds from when a request was due to its answer.
        over: share of the requests that took longer than the objective.
        requests: how many.
        lateness: seconds; 95th percentile over the requests for which a user was waiting.
        is_saturated: most requests were late because all users were waiting for answers.
    """

    p50: float
    p95: float
    over: float
    requests: int
    lateness: float
    is_saturated: bool = False
    stall: float = 0.0


@dataclass(frozen=True, slots=True)
class Pair:
    """Two windows beside each other."""

    learner: Window
    reference: Window


@dataclass(frozen=True, slots=True)
class TimedPair:
    """As `Pair`, of the open schedule."""

    learner: Timed
    reference: Timed


def capacity(pairs: Sequence[Pair], threshold: float) -> Comparison | None:
    """The verdict on capacity; None: measure one more pair.

    Where the generator is the bottleneck in more than a quarter of the pairs, CPU time per request is compared instead
    (measured: the same ratios).
    """
    crowded = sum(_is_crowded(pair) for pair in pairs)
    knows_cpu = all(window.cpu_per_request for pair in pairs for window in (pair.learner, pair.reference))
    if crowded > _CROWDED_SHARE * len(pairs) and knows_cpu:
        ratios = [_bounded_ratio(pair) for pair in pairs if not _spoils(pair)]
        return _compare(ratios, threshold, Measure.CPU, [_spoils(pair) for pair in pairs])
    spoils = [_spoils(pair) or ("the load generator was the bottleneck" * _is_crowded(pair)) for pair in pairs]
    ratios = [_throughput_ratio(pair) for pair, spoil in zip(pairs, spoils, strict=True) if not spoil]
    return _compare(ratios, threshold, Measure.THROUGHPUT, spoils)


def latency(pairs: Sequence[TimedPair], most: float) -> Comparison | None:
    """The verdict on latency; None: measure one more pair.

    A pair speaks against the solution only if its 95th percentile is more than `most` times the reference's, and more
    requests than the reference's share (as many times) and `OVER_ALLOWED` took longer than the objective. The ratio is the
    room that is left: allowed / observed, so 1 is the threshold.
    """
    spoils = [_spoils_timed(pair) for pair in pairs]
    rooms = [_room(pair, most) for pair, spoil in zip(pairs, spoils, strict=True) if not spoil]
    return _compare(rooms, 1.0, Measure.LATENCY, spoils)


def decide(ratios: Sequence[float], threshold: float) -> Call | None:
    """What the ratios, in the order in which they were measured, say; None: one more is needed.

    After each round of `PAIRS`: *failed* if at least seven in eight of all are below the threshold, *passed* if their
    median is not. Both are said as soon as the rest of the round cannot change them. After the last round: *borderline*.
    """
    for last in range(PAIRS, PAIRS * ROUNDS + 1, PAIRS):
        seen = ratios[:last]
        below = sum(ratio < threshold for ratio in seen)
        if len(seen) - below >= last // 2 + 1:
            return Call.PASSED
        if below * 8 >= last * 7:
            return Call.FAILED
        if len(ratios) < last:
            return None
        if statistics.median(seen) >= threshold:
            return Call.PASSED
    return Call.BORDERLINE


def most_spoilt(valid: int) -> int:
    """How many spoilt pairs the round may have to which `valid` good ones belong: half as many again."""
    return max(1, -(-valid // PAIRS)) * PAIRS // 2


def interval(ratios: Sequence[float]) -> tuple[float, float]:
    """A bootstrap interval (percentiles, 95 %) of the median; the same for the same ratios."""
    chooser = random.Random(0)
    medians = sorted(statistics.median(chooser.choices(ratios, k=len(ratios))) for _ in range(_RESAMPLES))
    cut = _RESAMPLES // 40
    return medians[cut], medians[-cut - 1]


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value with at least `share` of all at or below it; 0 of none.

    Args:
        ordered: ascending.
        share: of (0, 1].
    """
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1))]


def _compare(ratios: Sequence[float], threshold: float, measure: Measure, spoils: Sequence[str]) -> Comparison | None:
    spoilt = [spoil for spoil in spoils if spoil]
    call, note = decide(ratios, threshold), ""
    if call is None and len(spoilt) > most_spoilt(len(ratios)):
        call, note = (
            Call.INCONCLUSIVE,
            f"{len(spoilt)} of {len(spoils)} pairs were spoilt, mostly because {_usual(spoilt)}",
        )
    if call is None:
        return None
    low, high = interval(ratios) if ratios else (0.0, 0.0)
    middle, least, most = (statistics.median(ratios), min(ratios), max(ratios)) if ratios else (0.0, 0.0, 0.0)
    return Comparison(call, measure, threshold, middle, least, most, low, high, len(ratios), len(spoilt), note)


def _usual(spoils: Sequence[str]) -> str:
    return max(set(spoils), key=spoils.count)


def _is_crowded(pair: Pair) -> bool:
    return max(pair.learner.generator, pair.reference.generator) > GENERATOR_SHARE


def _spoils(pair: Pair) -> str:
    """Why the pair says nothing, whatever is compared; empty when it does."""
    if max(pair.learner.stall, pair.reference.stall) > STALL:
        return "the machine stalled"
    if pair.reference.answers < LEAST_ANSWERS:
        return f"the reference itself answered fewer than {LEAST_ANSWERS} requests in a window"
    return ""


def _spoils_timed(pair: TimedPair) -> str:
    for window in (pair.learner, pair.reference):
        if window.stall > STALL:
            return "the machine stalled"
        if window.lateness > LATENESS and not window.is_saturated:
            return "the load generator was late"
        if window.requests < LEAST_TIMED:
            return f"fewer than {LEAST_TIMED} requests were due in a window"
    return ""


def _throughput_ratio(pair: Pair) -> float:
    return pair.learner.per_second / pair.reference.per_second


def _bounded_ratio(pair: Pair) -> float:
    """By CPU time; and where the generator held back one side only, throughput bounds the true ratio from that side."""
    learner, reference = pair.learner.cpu_per_request, pair.reference.cpu_per_request
    by_cpu = reference / learner if learner and reference else 0.0
    if pair.learner.generator <= GENERATOR_SHARE < pair.reference.generator:
        return min(by_cpu, _throughput_ratio(pair))
    if pair.reference.generator <= GENERATOR_SHARE < pair.learner.generator:
        return max(by_cpu, _throughput_ratio(pair))
    return by_cpu


def _room(pair: TimedPair, most: float) -> float:
    by_percentile = most * pair.reference.p95 / max(pair.learner.p95, 1e-9)
    by_share = (OVER_ALLOWED + most * pair.reference.over) / max(pair.learner.over, 1e-3)
    return max(by_percentile, by_share)
