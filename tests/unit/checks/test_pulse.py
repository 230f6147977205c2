"""The check's own pulse."""

from __future__ import annotations

from labrunner.checks.pulse import STARVED, Pulse


def test_it_tells_of_the_span_that_is_asked_for() -> None:
    """A beat that took far longer than its work counts for whoever waited at that moment, and for nobody else."""
    pulse = Pulse()
    pulse._beats.extend([(1.0, 1.003, 1.0), (2.0, 2.1, STARVED * 2), (3.0, 3.003, 1.0)])
    assert pulse.was_starved(2.05, 2.06)
    assert pulse.was_starved(1.5, 2.5)
    assert not pulse.was_starved(2.2, 3.5)
    assert not pulse.was_starved(4.0, 5.0)
