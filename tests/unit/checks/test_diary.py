"""What a check waited for, as far as no runner could avoid it."""

from __future__ import annotations

import time

import pytest

from labrunner.checks.diary import Diary


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The moment that it is, to be set."""
    moments = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: moments[0])
    return moments


def test_what_several_waited_for_at_one_time_counts_once(at: list[float]) -> None:
    """Eight clients that wait for a second each have taken a second, not eight."""
    diary = Diary()
    for moment, seconds in ((1.0, 1.0), (1.0, 0.5), (1.5, 1.0), (4.0, 1.0), (4.5, 4.0)):
        at[0] = moment
        diary.note_exchange(seconds)
    assert diary.answering == pytest.approx(4.5)
    assert diary.exchanges == 5


def test_a_declared_wait_is_told_apart(at: list[float]) -> None:
    """What was answered meanwhile made it no longer."""
    diary = Diary()
    at[0] = 1.0
    diary.note_exchange(0.25)
    at[0] = 2.0
    diary.note_exchange(0.5)
    diary.note_wait(2.0)
    assert diary.waited == 2.0
    assert diary.answering == pytest.approx(0.0)
