"""A polite end (SIGTERM, SIGHUP) comes as Ctrl-C does, so that everything is stopped and the partial result kept.

Only commands that start something listen: `signal` costs 4 ms, a twelfth of what `lab --help` may take.
"""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType


_seen: list[int] = []


def listen() -> None:
    """From now on SIGTERM and SIGHUP raise `KeyboardInterrupt` in the main thread, as SIGINT does."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    sys.unraisablehook = _unraisable


def insist() -> None:
    """Interrupt again, if the first time was lost: Python drops what is raised while it collects garbage or makes a class.

    Raises:
        KeyboardInterrupt: a signal came since `listen`.
    """
    if _seen:
        raise KeyboardInterrupt


def _unraisable(dropped: sys.UnraisableHookArgs) -> None:
    if dropped.exc_type is not KeyboardInterrupt:  # no traceback for what `insist` raises again
        sys.__unraisablehook__(dropped)


def _interrupt(number: int, frame: FrameType | None) -> None:
    _seen.append(number)
    raise KeyboardInterrupt
