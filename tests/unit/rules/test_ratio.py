from __future__ import annotations

import itertools
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labrunner.model.load import Call, Measure
from labrunner.rules.ratio import (
    PAIRS,
    ROUNDS,
    Pair,
    Timed,
    TimedPair,
    Window,
    capacity,
    decide,
    interval,
    latency,
    most_spoilt,
    percentile,
)

T = 0.5


def window(answers: int, *, cpu: float | None = 0.2, generator: float = 0.3, stall: float = 0.0) -> Window:
    """One window of a third of a second."""
    return Window(answers, 0.3, answers, cpu, generator, stall)


def pair(learner: int, reference: int, **more: float) -> Pair:
    """Two windows with so many answers."""
    return Pair(window(learner, **more), window(reference, **more))


def run(draw: object) -> tuple[Call, int]:
    """Measure pairs until there is a verdict."""
    assert callable(draw)
    ratios: list[float] = []
    while (call := decide(ratios, T)) is None:
        ratios.append(draw())
    return call, len(ratios)


def noisy(rng: random.Random, true: float, *, is_hogged: bool) -> float:
    """A pair's ratio as measured: both windows vary, and with a hog some are cut down to a part."""
    spread = 0.12 if is_hogged else 0.03
    learner, reference = (max(0.05, rng.gauss(1.0, spread)) for _ in range(2))
    if is_hogged:
        learner *= rng.uniform(0.4, 0.8) if rng.random() < 0.1 else 1.0
        reference *= rng.uniform(0.4, 0.8) if rng.random() < 0.1 else 1.0
    return true * learner / reference


@pytest.mark.parametrize("is_hogged", [False, True], ids=["quiet", "hog"])
def test_enough_is_never_failed(is_hogged: bool) -> None:
    """A solution at 1.1 times the threshold is not failed once in 2,000 simulated runs (PERFORMANCE: under 1 %)."""
    rng = random.Random(1)
    calls = [run(lambda: noisy(rng, 1.1 * T, is_hogged=is_hogged))[0] for _ in range(2000)]
    assert calls.count(Call.FAILED) <= 10


@pytest.mark.parametrize("is_hogged", [False, True], ids=["quiet", "hog"])
def test_too_little_is_found(is_hogged: bool) -> None:
    """A solution at 0.6 times the threshold is failed in at least 95 of 100 simulated runs."""
    rng = random.Random(2)
    calls = [run(lambda: noisy(rng, 0.6 * T, is_hogged=is_hogged))[0] for _ in range(2000)]
    assert calls.count(Call.FAILED) >= 1900


def test_a_clear_case_is_decided_early() -> None:
    """A solution as fast as the reference passes after five pairs, because three more cannot change that."""
    assert run(lambda: 1.0) == (Call.PASSED, 5)
    assert run(lambda: 0.1) == (Call.FAILED, 7)


def test_what_stays_close_is_borderline_and_passes_as_such() -> None:
    """Between the two verdicts for all rounds: passed, and marked."""
    ratios = [0.49, 0.49, 0.49, 0.51] * 6
    assert decide(ratios[:-1], T) is None
    assert decide(ratios, T) is Call.BORDERLINE
    assert len(ratios) == PAIRS * ROUNDS


@given(st.lists(st.floats(0.01, 3.0), min_size=PAIRS * ROUNDS, max_size=PAIRS * ROUNDS))
def test_an_early_verdict_is_the_full_rounds_verdict(ratios: list[float]) -> None:
    """Stopping early never changes what the whole round would have said."""
    cut = next(size for size in itertools.count() if decide(ratios[:size], T) is not None)
    whole = -(-cut // PAIRS) * PAIRS
    seen = ratios[:whole]
    below = sum(ratio < T for ratio in seen)
    expected = (
        Call.FAILED if below * 8 >= whole * 7 else Call.PASSED if statistics.median(seen) >= T else Call.BORDERLINE
    )
    assert decide(ratios[:cut], T) is expected


@given(st.lists(st.floats(0.01, 3.0), min_size=1, max_size=24), st.integers(0, 23))
def test_better_never_hurts(ratios: list[float], place: int) -> None:
    """A greater ratio in one pair never turns a verdict into a failure."""
    better = list(ratios)
    better[place % len(ratios)] += 1.0
    if decide(better, T) is Call.FAILED:
        assert decide(ratios, T) is Call.FAILED


def test_capacity_says_what_was_measured() -> None:
    """Median, range and interval of the pairs, and that throughput was compared."""
    found = capacity([pair(400, 1000), pair(500, 1000), pair(600, 1000), pair(550, 1000), pair(700, 1000),
                      pair(650, 1000)], 0.4)  # fmt: skip
    assert found is not None
    assert (found.call, found.measure, found.pairs) == (Call.PASSED, Measure.THROUGHPUT, 6)
    assert (found.least, found.most) == pytest.approx((0.4, 0.7))
    assert found.low <= found.median <= found.high


def test_a_busy_generator_means_cpu_time_is_compared() -> None:
    """Where the generator is the bottleneck, equal throughput proves nothing: CPU time per request does."""
    pairs = [Pair(window(1000, cpu=0.3, generator=0.95), window(1000, cpu=0.1, generator=0.95)) for _ in range(7)]
    found = capacity(pairs, T)
    assert found is not None
    assert found.call is Call.FAILED
    assert found.measure is Measure.CPU
    assert found.median == pytest.approx(1 / 3)


def test_a_slow_solution_is_not_excused_by_its_few_answers() -> None:
    """Few answers of the solution are what slowness looks like; few of the reference are the machine's."""
    slow = capacity([pair(20, 1000)] * 7, T)
    assert slow is not None
    assert slow.call is Call.FAILED
    starved = capacity([pair(100, 199)] * 5, T)
    assert starved is not None
    assert starved.call is Call.INCONCLUSIVE
    assert "reference itself" in starved.note


def test_spoilt_pairs_are_repeated_so_often() -> None:
    """Half as many again may be spoilt; one more, and nobody can tell."""
    spoilt = [pair(1000, 1000, stall=0.2)] * most_spoilt(0)
    assert capacity(spoilt, T) is None
    too_many = capacity([*spoilt, spoilt[0]], T)
    assert too_many is not None
    assert too_many.call is Call.INCONCLUSIVE
    good = capacity([*spoilt, *[pair(1000, 1000)] * 5], T)
    assert good is not None
    assert (good.call, good.pairs, good.spoilt) == (Call.PASSED, 5, 4)


def timed(p95: float, *, over: float = 0.0, lateness: float = 0.0, requests: int = 100) -> Timed:
    """One window of the open schedule."""
    return Timed(p95 / 2, p95, over, requests, lateness)


def test_latency_needs_both_to_be_bad() -> None:
    """Slower than the reference but within the objective is good enough."""
    quick = latency([TimedPair(timed(0.009), timed(0.001))] * 5, 3.0)
    assert quick is not None
    assert quick.call is Call.PASSED
    slow = latency([TimedPair(timed(0.2, over=0.6), timed(0.002))] * 7, 3.0)
    assert slow is not None
    assert slow.call is Call.FAILED


def test_latency_on_a_slow_machine_excuses_by_the_reference() -> None:
    """What delays both sides is nobody's fault."""
    found = latency([TimedPair(timed(0.2, over=0.6), timed(0.18, over=0.5))] * 5, 3.0)
    assert found is not None
    assert found.call is Call.PASSED


def test_a_late_generator_spoils_the_pair() -> None:
    """Its own lateness is not the service's latency."""
    found = latency([TimedPair(timed(0.2, over=0.6, lateness=0.02), timed(0.002))] * 5, 3.0)
    assert found is not None
    assert found.call is Call.INCONCLUSIVE


@given(st.lists(st.floats(0.01, 100.0), min_size=1, max_size=30))
def test_the_interval_is_repeatable_and_within_the_range(ratios: list[float]) -> None:
    """The same pairs give the same interval, inside their own range."""
    low, high = interval(ratios)
    assert min(ratios) <= low <= high <= max(ratios)
    assert (low, high) == interval(ratios)


def test_percentile() -> None:
    """The nearest rank."""
    values = [float(value) for value in range(1, 101)]
    assert percentile(values, 0.95) == 95.0
    assert percentile(values, 0.5) == 50.0
    assert percentile(values, 1.0) == 100.0
    assert percentile([], 0.5) == 0.0


def test_a_service_that_waits_is_not_excused_by_a_fast_reference() -> None:
    """A lock held during I/O costs no CPU time: that the reference outruns the generator must not hide it."""
    pairs = [Pair(window(300, generator=0.2), window(9000, generator=0.95)) for _ in range(7)]
    found = capacity(pairs, T)
    assert found is not None
    assert found.call is Call.FAILED
