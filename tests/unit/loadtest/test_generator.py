"""The runner's end of the load generator: what it makes of what the child tells."""

import json
from typing import Any

from labrunner.loadtest.generator import Generator
from labrunner.rules.ratio import LATENESS


class Child:
    """A load generator that tells one thing; satisfies `labrunner.ports.pipe.Pipe`."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.told = told
        self.sent: list[bytes] = []

    def send(self, data: bytes) -> None:
        """Keep it."""
        self.sent.append(data)

    def receive(self, seconds: float) -> bytes:
        """The one thing."""
        return json.dumps(self.told).encode()

    def close(self) -> None:
        """Nothing is open."""


def lateness(seconds: list[float]) -> float:
    """What a window of the open schedule says of a generator that was so late for its requests."""
    told = {"latencies": [0.003] * len(seconds), "lateness": sorted(seconds), "waiting": len(seconds), "stall": 0.0}
    return Generator(Child(told)).schedule("learner", 300.0, 0.25, 0.1).lateness


def test_one_late_request_does_not_spoil_a_window() -> None:
    """Of 70 requests the worst says nothing about a 95th percentile: a busy moment is not a late generator."""
    assert lateness([0.001] * 69 + [0.05]) < LATENESS


def test_a_generator_that_is_often_late_spoils_a_window() -> None:
    """What delays one request in ten moves the 95th percentile of the latencies, and that is not the service's."""
    assert lateness([0.001] * 63 + [0.05] * 7) > LATENESS
