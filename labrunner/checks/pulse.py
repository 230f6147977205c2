"""Whether this machine has CPU time to give, as the check's own process feels it.

The witness (C-21) sleeps most of the time, and who sleeps is served first: it can be well while a service that has to
work is starved by others. This works a little, again and again, and notes how much longer that took than it should.
"""

from __future__ import annotations

import threading
import time
from collections import deque

WORK_SECONDS = 0.003
PAUSE_SECONDS = 0.06
STARVED = 4.0
"""So many times longer than on a machine of its own: no deadline can be held against anybody then."""
REMEMBERED = 5000


class Pulse:
    """Works a little from time to time, in a thread of its own, until the check's process ends."""

    def __init__(self) -> None:
        self._beats: deque[tuple[float, float, float]] = deque(maxlen=REMEMBERED)
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)

    def start(self) -> None:
        """Begin; a second call does nothing."""
        if self._thread.ident is None:
            self._thread.start()

    def _beat(self) -> None:
        while True:
            began, spent = time.monotonic(), time.thread_time()
            while time.thread_time() - spent < WORK_SECONDS:
                pass
            ended = time.monotonic()
            with self._lock:
                self._beats.append((began, ended, (ended - began) / WORK_SECONDS))
            time.sleep(PAUSE_SECONDS)

    def was_starved(self, since: float, until: float) -> bool:
        """Whether work took far too long at some moment between two monotonic ones, as far as is known."""
        with self._lock:
            stretches = [stretch for began, ended, stretch in self._beats if began <= until and ended >= since]
        return max(stretches, default=0.0) > STARVED


PULSE = Pulse()
"""Of this process: one process runs one check."""
