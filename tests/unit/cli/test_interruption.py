from __future__ import annotations

import contextlib
import os
import signal

import pytest

from labrunner.cli import interruption


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_that_was_dropped_is_not_lost(number: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python drops what is raised in a destructor; whoever asks next is interrupted."""
    monkeypatch.setattr(interruption, "_seen", [])
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    interruption.listen()
    try:
        interruption.insist()
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        with pytest.raises(KeyboardInterrupt):
            interruption.insist()
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
