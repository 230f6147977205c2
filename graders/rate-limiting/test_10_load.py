"""Stage load: right and fast enough when many ask at once, compared with the reference."""

from __future__ import annotations

import json

from labrunner.checks import Load, Record, fail, undecided
from labrunner.checks.quota import Algorithm, Answered, Decision, Limit, Verdict, judge

EFFORT = 2000
"""Steps of the oracle's search for one pair; there are thousands of pairs, and the sweeps find most of what is wrong."""
MOST_UNKNOWN = 0.1
"""Share of the pairs on which the oracle may give up; the others are judged all the same."""


def test_no_over_admission(load: Load) -> None:
    """RL-7, RL-16: of each pair's requests, recorded under load, exactly what the rule admits is admitted."""
    load.require_answers()
    policies = json.loads(load.env["POLICIES"])
    unknown = pairs = 0
    for key, records in load.by_key():
        name, client = key.split(" ")
        limit = _limit(policies[name])
        # An answer that is wrong in itself is another check's business; here it is one whose outcome is not known.
        history = [_decision(record) for record in records]
        found = judge(limit, history, effort=EFFORT)
        pairs += 1
        unknown += found.verdict is Verdict.UNKNOWN
        if found.verdict is Verdict.IMPOSSIBLE:
            admitted = sum(decision.answer is Answered.ADMITTED for decision in history)
            got = f"{found.got} (client {client}; of its {len(history)} requests, {admitted} were admitted)"
            rule = f"{limit.algorithm.value} of {limit.limit} per {limit.window:.0f} s"
            why = "Between reading a quota and writing it, another request of the same client must not come."
            fail(expected=f"{found.expected} ({rule})", got=got, why=why)
    if unknown > MOST_UNKNOWN * pairs:
        undecided(f"on {unknown} of {pairs} pairs the oracle gave up")


def test_capacity(load: Load) -> None:
    """C-12: its capacity, in a closed loop, is near the reference's."""
    load.require_capacity()


def test_latency(load: Load) -> None:
    """C-12: at a fixed rate, its latency is near the reference's."""
    load.require_latency()


def _limit(table: dict[str, object]) -> Limit:
    limit, window = table["limit"], table["window_ms"]
    burst = table.get("burst")
    assert isinstance(limit, int)
    assert isinstance(window, int)
    assert burst is None or isinstance(burst, int)
    return Limit(Algorithm(table["algorithm"]), limit, window / 1000, burst)


def _decision(record: Record) -> Decision:
    answer = {200: Answered.ADMITTED, 429: Answered.DENIED}.get(record.status, Answered.UNKNOWN)
    return Decision(
        record.sent,
        record.answered,
        record.tag,
        answer,
        remaining=record.value if answer is Answered.ADMITTED else None,
        retry_after_ms=record.value if answer is Answered.DENIED else None,
    )
