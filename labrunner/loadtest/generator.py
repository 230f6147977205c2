"""The runner's end of the load generator: orders out, figures back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labrunner.loadtest.shipped import program
from labrunner.ports.pipe import LoadBroken
from labrunner.rules.ratio import Timed, Window, percentile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labrunner.ports.load import LoadOrder
    from labrunner.ports.pipe import Pipe

READY_SECONDS = 180.0
TRACE_SECONDS = 180.0
GRACE_SECONDS = 15.0
"""Beyond a window's own length."""
RAMP = 0.04
SATURATED = 0.5
"""Share of the requests of an open schedule that found no user waiting."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One window of the closed loop, before the service's CPU time is known.

    Attributes:
        window: as `rules.ratio` wants it.
        median: seconds of an answer; for orientation.
    """

    window: Window
    median: float


class Generator:
    """Orders to the child, one at a time.

    Args:
        pipe: the child, just started; it is sent its program at once.
    """

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        pipe.send(program())

    def prepare(self, order: LoadOrder, sides: Mapping[str, tuple[str, int]], agent: str) -> None:
        """Load the lab's ``load.py``, and let the users stand ready."""
        self._do(
            READY_SECONDS,
            do="prepare",
            source=order.source,
            environment=dict(order.environment),
            seed=order.seed,
            agent=agent,
            users=order.spec.users,
            sides={name: list(address) for name, address in sides.items()},
        )

    def window(self, side: str, seconds: float) -> Shot:
        """One window of the closed loop."""
        told = self.raw_window(side, seconds)
        window = Window(
            answers=told["answers"], seconds=told["seconds"], requests=told["requests"], cpu=None,
            generator=told["generator"], stall=told["stall"],
        )  # fmt: skip
        return Shot(window, told["median"])

    def schedule(self, side: str, rate: float, seconds: float, objective: float) -> Timed:
        """One window of the open schedule, at `rate` requests a second."""
        told = self.raw_schedule(side, rate, seconds)
        latencies = told["latencies"]
        return Timed(
            p50=percentile(latencies, 0.5),
            p95=percentile(latencies, 0.95),
            over=sum(seconds > objective for seconds in latencies) / max(1, len(latencies)),
            requests=len(latencies),
            lateness=percentile(told["lateness"], 0.95),
            is_saturated=told["waiting"] < SATURATED * len(latencies),
            stall=told["stall"],
        )

    def raw_window(self, side: str, seconds: float) -> dict[str, Any]:
        """All that the child tells of a window of the closed loop."""
        return self._do(seconds + GRACE_SECONDS, do="window", side=side, seconds=seconds, ramp=RAMP)

    def raw_schedule(self, side: str, rate: float, seconds: float) -> dict[str, Any]:
        """All that the child tells of a window of the open schedule."""
        return self._do(seconds + GRACE_SECONDS, do="schedule", side=side, seconds=seconds, ramp=RAMP, rate=rate)

    def trace(self) -> bytes:
        """The recorded requests, as JSON."""
        self._pipe.send(json.dumps({"do": "trace"}).encode() + b"\n")
        line = self._pipe.receive(TRACE_SECONDS)
        if line.startswith(b'{"broken"'):
            raise LoadBroken(json.loads(line)["broken"])
        return line

    def _do(self, within: float, **order: Any) -> dict[str, Any]:
        self._pipe.send(json.dumps(order).encode() + b"\n")
        told: dict[str, Any] = json.loads(self._pipe.receive(within))
        if "broken" in told:
            raise LoadBroken(told["broken"])
        return told
