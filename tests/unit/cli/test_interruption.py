from __future__ import annotations

import os
import signal
import sys

import pytest

from labrunner.cli import interruption


class Doomed:
    """Sends its own process a signal when it is collected."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __del__(self) -> None:
        os.kill(os.getpid(), self._number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_that_was_dropped_is_not_lost(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python drops what is raised in a destructor; nothing is printed, and whoever asks next is interrupted."""
    monkeypatch.setattr(interruption, "_seen", [])
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    interruption.listen()
    try:
        interruption.insist()
        doomed = Doomed(number)
        del doomed
        assert capsys.readouterr().err == ""
        with pytest.raises(KeyboardInterrupt):
            interruption.insist()
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
