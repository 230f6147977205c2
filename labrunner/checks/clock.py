"""Waiting on purpose. Undeclared sleeps would make a suite slow without anybody seeing why."""

from __future__ import annotations

import time

from labrunner.checks.diary import DIARY

GRANULARITY = 0.010
"""Seconds by which a stated duration may be missed either way, in the solution's favour."""


def wait(seconds: float) -> None:
    """Sleep for at least `seconds`; counted as part of the check's critical path."""
    began = time.monotonic()
    _sleep(began, began + seconds)


def wait_until(moment: float) -> None:
    """Sleep until the monotonic clock shows at least `moment`; at once when that is past."""
    _sleep(time.monotonic(), moment)


def _sleep(began: float, moment: float) -> None:
    while (left := moment - time.monotonic()) > 0:
        time.sleep(left)
    DIARY.note_wait(max(0.0, moment - began))
