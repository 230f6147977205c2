"""What came of a check, and the evidence that a learner is shown."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from labrunner.model.status import Reason, Status
from labrunner.model.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of bytes as they went over a connection, or what happened to it.

    Attributes:
        at: seconds since the connection was opened.
        is_sent: from the grader to the service; else the other way.
        data: the bytes; in JSON as base64.
        cut: how many bytes were left out in the middle of `data`, because there were too many to keep.
        event: ``""``, or instead of bytes: ``end`` (no more bytes come from that side), ``reset``.
    """

    at: float
    is_sent: bool
    data: bytes = b""
    cut: int = 0
    event: str = ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what came back, as text safe to store (bytes that are no UTF-8 are escaped).

    Attributes:
        sent: monotonic seconds right before the first byte was sent.
        answered: monotonic seconds right after the last byte was read; for an exchange that broke off, when it did.
        status: None when no complete answer came; ``problem`` then says why.
        transcript: every byte of the connection so far, where the check spoke bytes instead of requests.
        is_verbatim: whether the text of the request's body is all of it, byte by byte.
    """

    method: str
    target: str
    request_headers: tuple[tuple[str, str], ...]
    request_body: str
    sent: float
    answered: float
    status: int | None = None
    response_headers: tuple[tuple[str, str], ...] = ()
    response_body: str = ""
    problem: str = ""
    service: str = "service"
    transcript: tuple[Piece, ...] = ()
    is_verbatim: bool = True


@dataclass(frozen=True, slots=True)
class Failure:
    """What a learner can act on.

    Attributes:
        expected: what a correct service does, one line.
        got: what this one did, one line.
        why: why it matters, for a human.
        log: the service's own lines of that moment, already cut to a sane size.
        timeline: of what was wrong, where many requests together prove it.
    """

    expected: str
    got: str
    why: str = ""
    exchanges: tuple[Exchange, ...] = ()
    log: tuple[str, ...] = ()
    timeline: Timeline | None = None


class Sight(enum.StrEnum):
    """What one try of a check saw; `rules.verdict` makes an outcome of several."""

    PASSED = "passed"
    FAILED = "failed"
    EXCEEDED = "exceeded"
    """A deadline passed: evidence only while the witness was well."""
    UNDECIDED = "undecided"
    """The intervals were too wide to tell."""
    BROKEN = "broken"
    """The connection broke: a crash if the service is dead, else a protocol error."""
    ERRORED = "errored"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of one check, as its child process reports it.

    Attributes:
        deadline: seconds, for `Sight.EXCEEDED`; for `Sight.BROKEN` when silence alone is the evidence, else 0.
        note: for `UNDECIDED` and `ERRORED`: what the author should know.
        exchanges: how many requests were sent; none is no evidence.
        waited: seconds of declared waits.
        answering: seconds spent waiting for the service's answers.
        margin: the largest share of an allowed time that was used up, of all deadlines in the check; 1 is all of it.
        histories, unknown: how many histories an oracle searched, and on how many of them it gave up.
        printed: the beginning of what the check wrote to its output; a check has no business there.
        recovery: seconds, the longest that the service took to serve again after a fault; None when there was none.
        review: what a person should look at; it changes no verdict.
        started, ended: monotonic seconds.
    """

    sight: Sight
    started: float
    ended: float
    reason: Reason | None = None
    failure: Failure | None = None
    deadline: float = 0.0
    note: str = ""
    exchanges: int = 0
    waited: float = 0.0
    answering: float = 0.0
    margin: float = 0.0
    histories: int = 0
    unknown: int = 0
    printed: str = ""
    recovery: float | None = None
    review: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict on one check.

    Attributes:
        blocked_by: ids of the needed checks that did not pass.
        seconds: wall time over all tries.
        path_seconds: declared waits plus the service's own answer times of the last try: what no runner could avoid.
        margin, histories, unknown, printed: as in `Attempt`, over all tries; for the lab's author.
        recovery: seconds, the longest that the service took to serve again after a fault; None when there was none.
        review: what a person should look at, over all tries; it changes no verdict.
    """

    status: Status
    reason: Reason | None = None
    failure: Failure | None = None
    note: str = ""
    blocked_by: tuple[str, ...] = ()
    tries: int = 0
    seconds: float = 0.0
    path_seconds: float = 0.0
    margin: float = 0.0
    histories: int = 0
    unknown: int = 0
    printed: str = ""
    recovery: float | None = None
    review: tuple[str, ...] = ()
