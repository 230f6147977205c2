"""One request of a plan, and what came of it."""

from __future__ import annotations

from typing import NamedTuple

UNKNOWN, WRONG = 0, -1
"""In the place of a status: no complete answer came; what came is no answer."""


class Request(NamedTuple):
    """One request of the plan.

    Attributes:
        key: whose state it is about, as the judge sorts requests.
        tag: a number for the judge, such as a cost.
        data: all of it, as it is sent.
    """

    key: str
    tag: int
    data: bytes


class Exchange(NamedTuple):
    """What came of a request.

    Attributes:
        sent, answered: monotonic seconds.
        status: of the answer; `UNKNOWN` or `WRONG` when there is none.
        body: of the answer; else why there is none.
        due: in the open schedule, when it should have been sent; else 0.
        was_waiting: whether a user was waiting for that moment.
    """

    request: Request
    sent: float
    answered: float
    status: int
    body: bytes
    due: float
    was_waiting: bool
