"""What of a result can be sent again, and how two exchanges differ. Pure."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from labrunner.model.outcome import Piece
from labrunner.rules import transcript

if TYPE_CHECKING:
    from labrunner.model.outcome import Exchange
    from labrunner.model.result import CheckResult, Result

_DATE = re.compile(r"(?i)^((?:< )?(?:date|last-modified)):.*?(?=(?:\\r\\n)?$)")


def replayable(result: Result) -> list[CheckResult]:
    """The checks whose failure has an exchange; `lab replay N` means the N-th, from 1."""
    return [check for check in result.checks if check.outcome.failure and check.outcome.failure.exchanges]


def is_whole(exchange: Exchange) -> bool:
    """Whether all that was sent was kept."""
    return exchange.is_verbatim and not any(piece.is_sent and piece.cut for piece in exchange.transcript)


def difference(before: Exchange, after: Exchange) -> list[str]:
    """Lines of what came then (``-``) and what comes now (``+``); none when nothing but dates has changed."""
    then, now = answer_lines(before), answer_lines(after)
    if not any(piece.event for piece in before.transcript if not piece.is_sent):
        # The check had seen enough before the connection ended.
        now = [line for line in now if not line.startswith("< (")]
    then, now = _without_dates(then), _without_dates(now)
    return [line for line in difflib.ndiff(then, now) if not line.startswith("?")] if then != now else []


def answer_lines(exchange: Exchange) -> list[str]:
    """What came, as lines: bytes where bytes were kept."""
    if exchange.transcript:
        return transcript.lines(_received(exchange.transcript), most=60)
    if exchange.status is None:
        return [exchange.problem or "no answer"]
    fields = [f"{name}: {value}" for name, value in exchange.response_headers]
    return [f"HTTP/1.1 {exchange.status}", *fields, "", *exchange.response_body.splitlines()]


def _received(pieces: tuple[Piece, ...]) -> list[Piece]:
    """All that came, put together: how it was cut into pieces on its way says nothing."""
    came = b"".join(piece.data for piece in pieces if not piece.is_sent)
    events = [piece.event for piece in pieces if not piece.is_sent and piece.event]
    together = [Piece(0.0, is_sent=False, data=came)] if came else []
    return together + [Piece(0.0, is_sent=False, event=event) for event in events]


def _without_dates(lines: list[str]) -> list[str]:
    return [_DATE.sub(r"\1: ...", line) for line in lines]
