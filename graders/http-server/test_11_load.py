"""Stage load: right and fast enough when many ask at once, compared with the reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from labrunner.checks import Load, Record, fail

NEVER = float("inf")


class Written(NamedTuple):
    """A version of a file.

    Attributes:
        sent: before this moment it was not there.
        done: from this moment on it had been there: its PUT was answered, or it was read.
    """

    sent: float
    done: float


def test_no_wrong_answer(load: Load) -> None:
    """HS-28, C-12: each recorded answer is right in itself, and each file that was read is in a state that it could be in."""
    load.require_answers()
    why = "A PUT that was answered is kept, and its file is no other's, however many others come at once."
    files = {key: records for key, records in load.by_key() if key.startswith("file ")}
    written = {key: versions(records) for key, records in files.items()}
    owners = {version: key for key, own in written.items() for version in own}
    for key, records in files.items():
        for record in records:
            if record.tag or record.status not in {200, 404}:
                continue
            if got := impossible(record, key, written[key], owners):
                expected = f"GET /files/{key[5:]}: a state that no later, answered PUT has replaced"
                fail(expected=expected, got=got, why=why)


def test_capacity(load: Load) -> None:
    """C-12: its capacity, in a closed loop, is near the reference's."""
    load.require_capacity()


def test_latency(load: Load) -> None:
    """C-12: at a fixed rate, its latency is near the reference's."""
    load.require_latency()


def versions(records: Sequence[Record]) -> dict[int, Written]:
    """Each version of one file that was sent, by its number."""
    seen: dict[int, float] = {}
    for record in records:
        if record.status == 200 and not record.tag:
            seen[record.value] = min(seen.get(record.value, NEVER), record.answered)
    return {
        record.tag: Written(
            record.sent, min(record.answered if record.status in {201, 204} else NEVER, seen.get(record.tag, NEVER))
        )
        for record in records
        if record.tag
    }


def impossible(record: Record, key: str, written: dict[int, Written], owners: dict[int, str]) -> str:
    """What is wrong with a file that was read; empty when it may have been in that state.

    A state is over when another one is known to have come after it: sent when this one had been there, and there before
    the GET was sent. Whatever overlaps may have happened in any order. A version that nobody is known to have sent
    proves nothing: not every window is recorded.
    """
    # Of those that had been there when the GET was sent, the one sent last is the hardest to explain away.
    latest = max((other.sent for other in written.values() if other.done < record.sent), default=-NEVER)
    if record.status == 404:
        return "404, though a PUT had been answered" if latest > -NEVER else ""
    if owners.get(record.value, key) != key:
        return f"version {record.value}, which is another file's"
    own = written.get(record.value)
    if own is None:
        return ""
    if own.sent > record.answered:
        return f"version {record.value}, before it was sent"
    return f"version {record.value}, which had been replaced" if own.done < latest else ""
