"""The measurement: learner's service and reference in turns, until the ratios of the windows decide.

Pairs go A B, B A, A B ..., so that a drift of the machine hits both alike. The side whose turn it is not is stopped: a
service that spins while idle would slow its rival down, and seem twice as fast (measured: 2.01 for a true 1.0).
"""

from __future__ import annotations

import dataclasses
import json
import random
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

from labrunner.loadtest.exclusive import exclusive
from labrunner.loadtest.generator import Generator
from labrunner.loadtest.shipped import BOOT
from labrunner.model.load import Comparison, LoadReport, SideFigures
from labrunner.model.outcome import Failure
from labrunner.model.result import Startup
from labrunner.model.status import Reason
from labrunner.ports.pipe import LoadBroken
from labrunner.ports.runtime import LEARNER, REFERENCE, NotStarted
from labrunner.rules import ratio
from labrunner.rules.ratio import LEAST_ANSWERS, PAIRS, Pair, Timed, TimedPair, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from labrunner.loadtest.generator import Shot
    from labrunner.ports.load import LoadOrder
    from labrunner.ports.pipe import Pipe
    from labrunner.ports.runtime import TimedService

CAPACITY_SHARE = 0.6
"""Of the progress, the first part."""
WINDOW, LONGEST_WINDOW = 0.3, 1.0
"""Seconds; longer where the machine is so slow that the reference would answer too few in a short one."""
WANTED_ANSWERS = 1.5 * LEAST_ANSWERS
TIMED_SECONDS = 0.25
TIMED_REQUESTS = 70
"""A slow machine's windows are longer, so that this many requests are due in each."""
LONGEST_TIMED = 0.7
MOST_RATE = 4000.0
"""Requests a second of the open schedule: beyond it the generator's own timers are what is measured."""


class LocustLoadTest:
    """Satisfies `labrunner.ports.LoadTest`."""

    boot = BOOT

    def measure(
        self, order: LoadOrder, pipe: Pipe, sides: Callable[[], Mapping[str, TimedService]],
        listener: Callable[[float, str], None],
    ) -> LoadReport:  # fmt: skip
        """Measure; see the port."""
        generator = Generator(pipe)
        with exclusive(lambda: listener(0.0, "waiting for another load measurement on this machine")):
            listener(0.0, "starting both services")
            services = sides()
            listener(0.0, "starting the load generator")
            agent = f"lab/{random.Random(f'{order.seed}/agent').randrange(1000)}"
            generator.prepare(order, {name: service.inner for name, service in services.items()}, agent)
            with Turns(services) as turns:
                return _Measurement(order, generator, turns, listener).run()


class Turns:
    """Lets one side run at a time; at the exit, whatever happened, both.

    Args:
        services: by side.
    """

    def __init__(self, services: Mapping[str, TimedService]) -> None:
        self._services = services
        self._running = set(services)
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="turns")
        self._used: dict[str, float | None] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name, service in self._services.items():
            if name not in self._running:
                service.resume()
        self._pool.shutdown()

    def of(self, side: str) -> None:
        """Stop everybody else, and see it stopped; then it is this side's turn."""
        was_stopped = side not in self._running
        others = [self._pool.submit(self._services[name].pause) for name in self._running - {side}]
        # Whatever fails from here on, the others may be stopped, and are to go on at the end.
        self._running = {side}
        if was_stopped:
            self._services[side].resume()
        for other in others:
            other.result()

    def cpu(self, side: str) -> float | None:
        """Seconds of CPU time that this side used since it was last asked."""
        before, now = self._used.get(side), self._services[side].cpu_seconds()
        self._used[side] = now
        return None if before is None or now is None else now - before

    def check(self, side: str) -> None:
        """See that the service lives.

        Raises:
            NotStarted: the learner's ended under load.
            LoadBroken: the reference did.
        """
        service = self._services[side]
        epitaph = service.epitaph()
        if epitaph is None:
            return
        if side == REFERENCE:
            raise LoadBroken(f"the reference {epitaph} under load")
        now = time.monotonic()
        failure = Failure(
            "a service that keeps running under load",
            f"it {epitaph} while it was asked by many connections at once",
            "What works for one client at a time must work for many.",
            log=service.log(now - 2.0, now),
        )
        reason = service.limit() or Reason.CRASHED
        raise NotStarted(Startup(reason, failure))


class _Measurement:
    def __init__(
        self, order: LoadOrder, generator: Generator, turns: Turns, listener: Callable[[float, str], None]
    ) -> None:
        self._order = order
        self._spec = order.spec
        self._generator = generator
        self._turns = turns
        self._listener = listener
        self._window = WINDOW
        self._shots: dict[str, list[Window]] = {LEARNER: [], REFERENCE: []}
        self._timed: dict[str, list[Timed]] = {LEARNER: [], REFERENCE: []}

    def run(self) -> LoadReport:
        began = time.monotonic()
        for side in (LEARNER, REFERENCE):
            self._listener(0.0, f"warming up: {side}")
            self._shoot(side)
        warm = self._shots[REFERENCE][0].per_second
        self._window = min(LONGEST_WINDOW, max(WINDOW, WANTED_ANSWERS / max(warm, 1.0)))
        self._shots = {LEARNER: [], REFERENCE: []}
        capacity = self._capacity()
        rate, latency = self._rate(), None
        if rate:
            latency = self._latency(rate)
        seconds = time.monotonic() - began
        self._listener(1.0, "reading the recorded answers")
        counts = self._trace()
        return LoadReport(
            capacity=capacity,
            latency=latency,
            learner=self._figures(LEARNER),
            reference=self._figures(REFERENCE),
            objective_ms=self._spec.objective_ms,
            rate=rate,
            seconds=seconds,
            **counts,
        )

    # -- the closed loop ----------------------------------------------------------------------------------------

    def _capacity(self) -> Comparison:
        pairs: list[Pair] = []
        while (found := ratio.capacity(pairs, self._spec.capacity) if pairs else None) is None:
            shots = {side: self._shoot(side).window for side in _in_turn(len(pairs))}
            pairs.append(Pair(shots[LEARNER], shots[REFERENCE]))
            own, other = shots[LEARNER].per_second, shots[REFERENCE].per_second
            done = CAPACITY_SHARE * min(1.0, len(pairs) / PAIRS)
            self._listener(done, f"capacity: {own:,.0f}/s, the reference {other:,.0f}/s (pair {len(pairs)})")
        return found

    def _shoot(self, side: str) -> Shot:
        self._turns.of(side)
        shot = self._generator.window(side, self._window)
        window = dataclasses.replace(shot.window, cpu=self._turns.cpu(side))
        self._turns.check(side)
        self._shots[side].append(window)
        return dataclasses.replace(shot, window=window)

    # -- the open schedule --------------------------------------------------------------------------------------

    def _rate(self) -> float:
        """Requests per second: a share of what the reference can do here and now; 0 when it did nothing."""
        found = [window.per_second for window in self._shots[REFERENCE]]
        return min(MOST_RATE, self._spec.rate * statistics.median(found)) if found else 0.0

    def _latency(self, rate: float) -> Comparison:
        pairs: list[TimedPair] = []
        while (found := ratio.latency(pairs, self._spec.p95) if pairs else None) is None:
            timed = {side: self._time(side, rate) for side in _in_turn(len(pairs))}
            pairs.append(TimedPair(timed[LEARNER], timed[REFERENCE]))
            own, other = (timed[side].p95 * 1e3 for side in (LEARNER, REFERENCE))
            done = CAPACITY_SHARE + (1 - CAPACITY_SHARE) * min(1.0, len(pairs) / PAIRS)
            self._listener(done, f"latency: p95 {own:.1f} ms, the reference {other:.1f} ms (pair {len(pairs)})")
        return found

    def _time(self, side: str, rate: float) -> Timed:
        self._turns.of(side)
        seconds = min(LONGEST_TIMED, max(TIMED_SECONDS, TIMED_REQUESTS / rate))
        timed = self._generator.schedule(side, rate, seconds, self._spec.objective_ms / 1e3)
        self._turns.cpu(side)
        self._turns.check(side)
        self._timed[side].append(timed)
        return timed

    # -- what came of it ----------------------------------------------------------------------------------------

    def _figures(self, side: str) -> SideFigures:
        shots, timed = self._shots[side], self._timed[side]
        cpu = [window.cpu_per_request or 0.0 for window in shots]
        return SideFigures(
            per_second=round(_median([window.per_second for window in shots]), 1),
            cpu_us=round(_median(cpu) * 1e6, 1),
            p50_ms=round(_median([window.p50 for window in timed]) * 1e3, 2),
            p95_ms=round(_median([window.p95 for window in timed]) * 1e3, 2),
            over=round(_median([window.over for window in timed]), 4),
        )

    def _trace(self) -> dict[str, int]:
        data = self._generator.trace()
        self._order.trace.write_bytes(data)
        told = json.loads(data)
        return {name: int(told[name]) for name in ("requests", "unanswered", "dropped")}


def _in_turn(number: int) -> tuple[str, str]:
    """A B B A."""
    return (LEARNER, REFERENCE) if number % 2 == 0 else (REFERENCE, LEARNER)


def _median(values: list[float]) -> float:
    return statistics.median(values) if values else 0.0
