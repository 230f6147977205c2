"""A broken law as a short story: what was promised, what happened, and what came between."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labrunner.rules.once.records import Asked, History


def charged_twice(history: History) -> str:
    """Why the money moved more than once."""
    first, second = sorted(history.charges, key=lambda charge: charge.at)[:2]
    told = f"charged {times(len(history.charges))}: {_between(history, first.at, second.at)}"
    if first.reference == second.reference:
        return f"{told}; the reference {first.reference} was sent twice, and the ledger moves money each time"
    if not any(close.reference == first.reference and close.at <= second.at for close in history.closes):
        return f"{told}; then it was charged again under a fresh reference, and the old one was never closed"
    return f"{told}; then it was charged again, although closing the reference had told of the first charge"


def _between(history: History, first: float, second: float) -> str:
    """What became of the first answer."""
    for kill in sorted(history.kills, key=lambda kill: kill.begun):
        if first <= kill.done <= second:
            gap = kill.begun - first
            when = f"{milliseconds(gap)} after the ledger charged" if gap > 0 else "while the ledger charged"
            return f"the first answer was lost when the service was killed {when}"
    for asked in sorted(history.asked, key=lambda asked: asked.sent):
        if asked.sent <= first and asked.ended <= second and asked.heard is not None:
            after = milliseconds(max(0.0, asked.ended - first)) if asked.ended >= first else "before the ledger did it"
            told = f", {after} after the ledger charged" if asked.ended >= first else f", {after}"
            return f"the request that led to the first charge was answered {asked.heard.status}{told}"
    return f"{milliseconds(second - first)} lie between the charges"


def answered(asked: Asked) -> str:
    """A request by what came of it."""
    if asked.heard is None:
        return "a request without an answer"
    mark = ", as a replay" if asked.heard.is_replay else ""
    return f"an answer {asked.heard.status}{mark}"


def times(count: int) -> str:
    """So often."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def milliseconds(seconds: float) -> str:
    """A duration as people say it."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
