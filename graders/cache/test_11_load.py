"""Stage load: right, a good hit ratio, and fast enough, compared with the reference."""

from __future__ import annotations

from source import Source

from labrunner.checks import Load, fail, undecided
from labrunner.rules.caching import ideal_hits

SHARE = 0.95
LEAST_REQUESTS = 2000
"""With fewer the first miss of each thing is most of what there is."""


def test_answers(load: Load) -> None:
    """C-12: each answer is the origin's, for what was asked."""
    load.require_answers()


def test_hit_ratio(load: Load) -> None:
    """C-12: at least 0.95 of an ideal LRU store's hits on the same trace."""
    load.require_answers()
    trace = sorted((record.sent, key) for key, records in load.by_key() for record in records)
    if len(trace) < LEAST_REQUESTS:
        undecided(f"only {len(trace)} requests were made")
    ideal = ideal_hits([key for _, key in trace], int(load.env["CACHE_MAX_ENTRIES"]))
    hits = len(trace) - Source(load.companions["origin"]).count("/try/")
    if hits < SHARE * ideal:
        got = f"{hits} of {len(trace)} requests did not reach the origin"
        why = "A store that keeps what is wanted often asks the origin rarely."
        fail(expected=f"at least {SHARE * ideal:.0f} hits, {SHARE} of an ideal LRU store's", got=got, why=why)


def test_capacity(load: Load) -> None:
    """C-12: its capacity, in a closed loop, is near the reference's."""
    load.require_capacity()


def test_latency(load: Load) -> None:
    """C-12: at a fixed rate, its latency is near the reference's."""
    load.require_latency()
