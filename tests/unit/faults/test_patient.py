"""A patient on fakes: one fault at a time, confirmed, undone whatever happens."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from labrunner.faults.fault import Cut, Delay, HalfOpen, Lost, Pause
from labrunner.faults.patient import NotBack, Patient
from labrunner.ports import CannotBeDone
from tests.fakes import FakeService

if TYPE_CHECKING:
    from collections.abc import Callable

    from labrunner.faults.fault import Fault


class Target(FakeService):
    """Is silent while it is paused or cut off, unless it is `deaf` to faults; tells when it was mended."""

    def __init__(self, *, is_deaf: bool = False) -> None:
        super().__init__("target")
        self.is_deaf = is_deaf
        self.is_silent = False
        self.was_mended = threading.Event()

    def answers(self, timeout: float) -> bool:
        return not self.is_silent

    def pause(self) -> None:
        super().pause()
        self.is_silent = not self.is_deaf

    def resume(self) -> None:
        super().resume()
        self.is_silent = False

    cut = pause

    def mend(self) -> None:
        super().mend()
        self.is_silent = False
        self.was_mended.set()


class Proxy(Target):
    """Remembers what it was told."""

    url = "tcp://proxy"

    def wait_ready(self) -> float:  # type: ignore[override]
        return 0.0

    def control(self, method: str, path: str, body: Any = None, timeout: float = 10.0) -> Any:
        self.calls.append(f"{method} {path} {body or ''}".strip())
        self.is_silent = path == "/cut" or (path == "/lose" and bool(body["direction"]))
        return {"connections": 2}


@pytest.mark.parametrize("fault, undone", [(Pause(), "resume"), (Cut(), "mend")])
def test_a_fault_is_undone_and_the_target_back(fault: Fault, undone: str) -> None:
    """`heal` ends it and returns the moment of a round trip."""
    target = Target()
    patient = Patient(target)
    patient.suffer(fault)
    assert not patient.answers(0)
    assert patient.heal(1.0) > 0
    assert target.calls[-1] == undone
    assert patient.answers(0)


def test_one_fault_at_a_time() -> None:
    """C-13."""
    patient = Patient(Target())
    patient.suffer(Pause())
    with pytest.raises(CannotBeDone, match="one fault at a time"):
        patient.suffer(Cut())
    patient.heal(1.0)
    patient.suffer(Cut())
    patient.heal(1.0)


def test_a_cut_that_does_not_hold_is_told_and_undone() -> None:
    """A fault is confirmed before it counts."""
    target = Target(is_deaf=True)
    patient = Patient(target)
    with pytest.raises(CannotBeDone, match="was to be silent"):
        patient.suffer(Cut())
    assert target.calls[-1] == "mend"
    patient.suffer(Pause())
    patient.heal(1.0)


def test_a_fault_ends_by_itself_in_the_end() -> None:
    """Whatever became of the check that asked for it; and what it forgot to end does not hinder the next."""
    target = Target()
    patient = Patient(target)
    patient.suffer(Cut(longest=0.01))
    assert target.was_mended.wait(30)
    patient.heal(1.0)
    patient.suffer(Pause())
    patient.heal(1.0)


class Slow(Target):
    """Needs a second for each answer, as everybody does on a busy machine."""

    def answers(self, timeout: float) -> bool:
        time.sleep(min(timeout, 1.0))
        return timeout >= 1.0


def test_who_answers_slowly_is_back_too() -> None:
    """It is asked more and more patiently."""
    assert Patient(Slow()).heal(10.0) > 0


def test_what_never_answers_again_is_not_back() -> None:
    """The time is bounded."""
    target = Target()
    patient = Patient(target)
    target.is_silent = True
    with pytest.raises(NotBack, match="answered nothing"):
        patient.heal(0.0)


@pytest.mark.parametrize(
    "hurt",
    [
        lambda patient: patient.suffer(Delay(0.1)),
        lambda patient: patient.suffer(HalfOpen(Lost.ANSWERS)),
        lambda patient: patient.reset(),
    ],
    ids=["delay", "half-open", "reset"],
)
def test_some_faults_take_a_proxy(hurt: Callable[[Patient], object]) -> None:
    """And say so."""
    patient = Patient(Target())
    with pytest.raises(CannotBeDone, match="behind_proxy=True"):
        hurt(patient)
    patient.suffer(Pause())


def test_a_proxy_carries_out_what_it_can() -> None:
    """The target itself is left alone."""
    target, proxy = Target(), Proxy()
    patient = Patient(target, proxy)
    for fault in (Cut(), HalfOpen(Lost.ANSWERS)):
        patient.suffer(fault)
        patient.heal(1.0)
    assert patient.reset() == 2
    assert target.calls == []
    assert proxy.calls == ["POST /cut", "POST /mend", "POST /lose {'direction': 'answers'}",
                           "POST /lose {'direction': ''}", "POST /reset"]  # fmt: skip


def test_a_killed_one_is_paused_no_more() -> None:
    """The next fault may come."""
    target = Target()
    patient = Patient(target)
    patient.suffer(Pause())
    patient.kill()
    target.start_again()
    target.is_silent = False
    patient.suffer(Pause())
    patient.close()
    assert target.calls[-1] == "close"
