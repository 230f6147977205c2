"""Stage load: each payment is made once, and fast enough, while many clients retry; compared with the reference."""

from __future__ import annotations

import dataclasses
import zlib

from bank import Bank

from labrunner.checks import Load, Record, fail
from labrunner.checks.once import Asked, Heard, History, Impossible, judge

BOUND = 60.0
"""Seconds after its sending at which a request that its client gave up is over, however long the service was stopped."""
EXCUSES = frozenset({503, 504})
MOST_EXCUSES = 0.2
"""Share of the answers about payments for which the ledger does well. Each needs a time-out of several seconds, and no
window of the measurement lasts as long; yet a stalled machine may cause a few."""
EXACTLY_ONCE = "A storm of retries is when a key matters most: each payment moves its money once, and is told of once."


def test_once_each(load: Load) -> None:
    """IA-16: what was answered under load, and what the ledger did for it, is what one payment for each key makes."""
    load.require_answers()
    found = dict(load.by_key())
    must_not_shed(found)
    records = Bank(load.companions["ledger"]).records(list(found))
    for account, asked in found.items():
        seen = records[account]
        charges = tuple(dataclasses.replace(each, charge=str(number(each.charge))) for each in seen.charges)
        # A charge request that is still under way when the measurement ends is nobody's mistake.
        history = History(_heard(account, asked), seen.calls, charges, is_final=seen.is_final, bound=BOUND)
        verdict = judge(history)
        if isinstance(verdict, Impossible):
            expected = f"one payment for each of {len(found):,} keys"
            fail(expected=expected, got=f"{verdict.story} (account {account!r})", why=EXACTLY_ONCE)


def must_not_shed(found: dict[str, list[Record]]) -> None:
    """IA-13, IA-14: 503 and 504 are for a ledger that misbehaves, not for a service that has much to do."""
    well = [record for account, asked in found.items() if account.startswith("calm ") for record in asked]
    excuses = [record.status for record in well if record.status in EXCUSES]
    if len(excuses) > MOST_EXCUSES * len(well):
        got = f"503 or 504 for {len(excuses)} of {len(well)} requests"
        why = "With a ledger that is well each payment succeeds, however many come at once."
        fail(expected="payments that succeed", got=got, why=why)


def test_capacity(load: Load) -> None:
    """C-12: its capacity, in a closed loop, is near the reference's."""
    load.require_capacity()


def test_latency(load: Load) -> None:
    """C-12: at a fixed rate, its latency is near the reference's."""
    load.require_latency()


def number(charge: str) -> int:
    """What the load's trace keeps of a charge's id."""
    return zlib.crc32(charge.encode()) >> 1


def _heard(account: str, records: list[Record]) -> tuple[Asked, ...]:
    """In the oracle's words.

    The trace has no header fields: of the answers that finish a key, that which came first counts as the first one.
    """
    finished = [record for record in records if record.status in {201, 402}]
    first = min(finished, key=lambda record: record.answered, default=None)
    asked = []
    for record in records:
        heard = None
        if record.status > 0:
            charge = str(record.value) if record.status == 201 else None
            is_replay = record in finished and record is not first
            heard = Heard(record.status, is_replay, payment=charge, charge=charge)
        asked.append(Asked(record.sent, record.answered, account, heard))
    return tuple(asked)
