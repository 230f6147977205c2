"""Every request, from Locust's own events: its statistics round to whole milliseconds, so they are not asked."""

from __future__ import annotations

import array
import base64
from typing import TYPE_CHECKING, Any

from labrunner.loadtest.exchange import UNKNOWN, WRONG

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labrunner.loadtest.exchange import Exchange
    from labrunner.loadtest.user import RawUser

MOST_KEPT = 400_000
"""Requests of one measurement that are kept for the judge; some 200 MB."""
MOST_WRONG = 5
"""Wrong answers that are told in full."""
LONGEST_TOLD = 300


class Recorder:
    """Listens to ``events.request``.

    Attributes:
        window: what came since `begin`.
        kept: what was kept for the judge.
        dropped: how many were not, for want of room.
    """

    def __init__(self) -> None:
        self.window: list[Exchange] = []
        self.kept: list[Exchange] = []
        self.dropped = 0

    def listen(self, *, exchange: Exchange, **_: Any) -> None:
        """Locust's listener."""
        self.window.append(exchange)

    def begin(self) -> None:
        """A window begins."""
        self.window = []

    def end(self, *, is_kept: bool) -> list[Exchange]:
        """It is over: what came."""
        if is_kept:
            room = MOST_KEPT - len(self.kept)
            self.kept += self.window[:room]
            self.dropped += max(0, len(self.window) - room)
        return self.window


def trace(exchanges: Sequence[Exchange], user: type[RawUser]) -> dict[str, Any]:
    """The recorded requests in columns, each answer read by the lab's own `RawUser.read`.

    Returns:
        ``keys`` (texts), ``wrong`` (the first few wrong answers), ``wrongs``, ``requests`` and ``unanswered`` (how many),
        and columns in base64: ``key``
        (index, uint32), ``tag`` and ``value`` (int32), ``status`` (int16; 0 unknown), ``sent``, ``answered`` (float64).
    """
    keys: dict[str, int] = {}
    columns: dict[str, array.array[Any]] = {name: array.array(kind) for name, kind in COLUMNS.items()}
    wrong: list[dict[str, Any]] = []
    wrongs = unanswered = 0
    for request, sent, answered, status, body, _, _ in exchanges:
        value = 0
        if status == UNKNOWN:
            unanswered += 1
        else:
            found = None if status == WRONG else user.read(request, status, body)
            if found is None:
                wrongs += 1
                if len(wrong) < MOST_WRONG:
                    wrong.append(_told(request.data, status, body))
            else:
                value = found
        columns["key"].append(keys.setdefault(request.key, len(keys)))
        columns["tag"].append(request.tag)
        columns["status"].append(status)
        columns["value"].append(value)
        columns["sent"].append(sent)
        columns["answered"].append(answered)
    packed = {name: base64.b64encode(column.tobytes()).decode() for name, column in columns.items()}
    counts = {"requests": len(exchanges), "unanswered": unanswered, "wrongs": wrongs}
    return {"keys": list(keys), "wrong": wrong, **counts, **packed}


COLUMNS = {"key": "I", "tag": "i", "status": "h", "value": "i", "sent": "d", "answered": "d"}


def _told(request: bytes, status: int, body: bytes) -> dict[str, Any]:
    return {
        "request": request.decode("latin-1"),
        "status": status,
        "body": body[:LONGEST_TOLD].decode("utf-8", "backslashreplace"),
    }
