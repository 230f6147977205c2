"""Stage load: right, a good hit ratio, and fast enough, compared with the reference."""

from __future__ import annotations

import random

from source import Source
from vocabulary import Site

from labrunner.checks import Ask, Load, Services, burst, fail, undecided
from labrunner.checks.caching import ideal_hits

SHARE = 0.95
LEAST_REQUESTS = 1000
"""With fewer the first miss of each thing is most of what there is."""
STAMPEDES = 10
CLIENTS = 20
SLOW_SECONDS = 0.5
LONG_MS = 15_000
ONE = "Whatever else is wanted at the same time, one request for each thing is enough."


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


def test_stampedes(site: Site, services: Services, rng: random.Random) -> None:
    """CA-25: several stampedes at once are one forward each, whatever their order: who comes late finds it stored."""
    own = site.own(services, ORIGIN_TIMEOUT_MS=LONG_MS)
    targets = [own.new_target(f"{number}") for number in range(STAMPEDES)]
    for target in targets:
        own.source.plan(target, then={"fields": [["Cache-Control", "max-age=3600"]], "slow": SLOW_SECONDS})
    asks = [Ask(target) for target in targets for _ in range(CLIENTS)]
    rng.shuffle(asks)
    answers = burst(own.service, asks)
    for answer in answers:
        own.well(answer).expect(200, why=ONE)
    for target in targets:
        count = len(own.source.calls(target))
        if count != 1:
            shown = [answer for ask, answer in zip(asks, answers, strict=True) if ask.target == target]
            fail(*shown[:2], expected="one request at the origin", got=f"{count} for {CLIENTS} clients", why=ONE)


def test_capacity(load: Load) -> None:
    """C-12: its capacity, in a closed loop, is near the reference's."""
    load.require_capacity()


def test_latency(load: Load) -> None:
    """C-12: at a fixed rate, its latency is near the reference's."""
    load.require_latency()
