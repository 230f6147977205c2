"""What happened in this process's check so far. One process runs one check, so there is one diary."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Diary:
    """Counts that the verdict and the critical path are made of.

    Attributes:
        exchanges: requests sent; a check that sent none has no evidence.
        waited: seconds of declared waits.
        margin: the largest share of an allowed time that was used up.
        histories: how many histories an oracle searched.
        unknown: on how many of them it gave up.
        answering: seconds spent waiting for the service's answers, or for it or a companion to start or stop; what several threads
            waited for at one time, or beside a declared wait, counts once.
        recovery: seconds, the longest that the service took to serve again after a fault; None when there was none.
        review: what a person should look at; it changes no verdict.
    """

    exchanges: int = 0
    waited: float = 0.0
    answering: float = 0.0
    margin: float = 0.0
    histories: int = 0
    unknown: int = 0
    recovery: float | None = None
    review: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _spans: list[tuple[float, float]] = field(default_factory=list)

    def _spend(self, seconds: float) -> None:
        """The last so many seconds. What is noted comes in the order of its ends, so only the last spans can overlap it."""
        ended = time.monotonic()
        began = ended - seconds
        self.answering += seconds
        while self._spans and self._spans[-1][1] > began:
            before, until = self._spans.pop()
            self.answering -= until - max(before, began)
            began = min(before, began)
        self._spans.append((began, ended))

    def note_exchange(self, seconds: float) -> None:
        """A request was sent, and took that long."""
        with self._lock:
            self.exchanges += 1
            self._spend(seconds)

    def note_requests(self, count: int) -> None:
        """So many requests were sent for this check by somebody else: the load generator."""
        with self._lock:
            self.exchanges += count

    def note_wait(self, seconds: float) -> None:
        """The check waited on purpose."""
        with self._lock:
            self._spend(seconds)
            self.waited += seconds
            self.answering -= seconds

    def note_service(self, seconds: float) -> None:
        """The check waited for a service to start or stop; that it did is evidence too."""
        with self._lock:
            self.exchanges += 1
            self._spend(seconds)

    def note_deadline(self, observed: float, allowed: float) -> None:
        """Something took `observed` of the `allowed` seconds; `lab validate` shows how close correct solutions come."""
        with self._lock:
            self.margin = max(self.margin, observed / allowed)

    def note_history(self, *, is_unknown: bool) -> None:
        """An oracle searched a history, and knows the answer or gave up; `lab validate` bounds how often it may."""
        with self._lock:
            self.histories += 1
            self.unknown += is_unknown

    def note_aside(self, seconds: float) -> None:
        """The check waited for a companion, which is no evidence of the service's behaviour."""
        with self._lock:
            self._spend(seconds)

    def note_recovery(self, seconds: float) -> None:
        """After a fault the service served again, so many seconds later."""
        with self._lock:
            self.recovery = max(self.recovery or 0.0, seconds, 0.0)

    def note_review(self, flag: str) -> None:
        """A person should look at this; once is enough."""
        with self._lock:
            if flag not in self.review:
                self.review.append(flag)


DIARY = Diary()
