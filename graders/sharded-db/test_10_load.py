"""Stage load: right and fast enough when many ask at once, compared with the reference."""

from __future__ import annotations

from labrunner.checks import Load, Record, fail, note_history, undecided
from labrunner.checks.linear import Operation, Read, Verdict, Write, judge, register, timeline

ABSENT, DELETES = 0, -1
"""As `load.py` writes them, which the checks cannot import: it brings Locust with it."""
MOST_EXCUSES = 0.05
"""Share of the answers that may be 503: each needs a time-out of seconds, or a machine that stood still."""
MOST_UNKNOWN = 0.1
"""Share of the keys on which the oracle may give up; the others are judged all the same."""
EFFORT = 20_000
ONE_ORDER = "Speed counts only while each record is one thing, for everybody."


def test_answers(load: Load) -> None:
    """SD-18, SD-34: each key's reads and writes, recorded under load, have an order that makes them right."""
    load.require_answers()
    found = dict(load.by_key())
    must_not_shed([record for records in found.values() for record in records])
    unknown = 0
    for key, records in found.items():
        if not key:  # batches: each is looked at by itself
            continue
        history = [_operation(key, record) for record in records]
        judgement = judge(register(ABSENT), history, effort=EFFORT)
        unknown += judgement.verdict is Verdict.UNKNOWN
        if judgement.verdict is Verdict.IMPOSSIBLE:
            drawn = timeline(history, judgement)
            got = f"{judgement.got} (0 is 404; one of {len(records)} requests for {key!r})"
            fail(expected=judgement.expected, got=got, why=ONE_ORDER, timeline=drawn)
    note_history(is_unknown=unknown > 0)
    if unknown > MOST_UNKNOWN * len(found):
        undecided(f"on {unknown} of {len(found)} keys the oracle gave up")


def must_not_shed(records: list[Record]) -> None:
    """SD-34: all shards are well, so a 503 is a rarity."""
    excuses = sum(record.status == 503 for record in records)
    if excuses > MOST_EXCUSES * len(records):
        got = f"503 for {excuses:,} of {len(records):,} requests"
        fail(expected="answers other than 503: no shard is down", got=got, why="Who turns clients away serves fewer.")


def _operation(key: str, record: Record) -> Operation:
    """A 503 to a write, and no answer, leave its outcome unknown."""
    action = Read(record.value) if record.tag == 0 else Write(ABSENT if record.tag == DELETES else record.tag)
    is_known = record.status not in (0, 503)
    return Operation(key, 0, record.sent, record.answered if is_known else None, action)


def test_capacity(load: Load) -> None:
    """C-12: its capacity, in a closed loop, is near the reference's."""
    load.require_capacity()


def test_tail(load: Load) -> None:
    """C-12: at a fixed rate, its latency is near the reference's."""
    load.require_latency()
