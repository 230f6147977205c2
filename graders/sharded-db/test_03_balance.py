"""Stage balance: no shard has much more than its share.

The bounds are the contract's own, for as many keys as it names; why a correct router stays within them:
docs/decisions/0042-shares-of-shards-are-bounds.md.
"""

from __future__ import annotations

from collections import Counter

from vocabulary import Router

from labrunner.checks import Ask, fail

KEYS = 3000
LEAST, MOST = 0.20, 0.47
FEW, PLAIN = 600, 0.06
"""Of so many keys a share is within so much of that of 3,000, by more than three standard deviations. Only who is not plainly
balanced is asked for all of them, and judged by them."""


def must_be_balanced(router: Router, keys: list[str], what: str) -> None:
    """SD-23: of 3,000 keys on 3 shards; of a few of them where these say it plainly enough."""
    places = router.locate_all(router.rng.sample(keys, FEW))
    shares = shares_of(router, places)
    if all(LEAST + PLAIN <= share <= MOST - PLAIN for share in shares.values()):
        return
    places |= router.locate_all([key for key in keys if key not in places])
    shares, counts = shares_of(router, places), Counter(places.values())
    for name, share in shares.items():
        if not LEAST <= share <= MOST:
            got = f"{share:.1%} on shard {name} ({', '.join(f'{each} {counts[each]}' for each in shares)})"
            why = "The fullest shard is full first, and is the slowest."
            evidence = router.all_at_once([Ask(f"/shards/locate/{keys[0]}")])
            fail(*evidence, expected=f"{LEAST:.0%} to {MOST:.0%} of {KEYS:,} {what} on each shard", got=got, why=why)


def shares_of(router: Router, places: dict[str, str]) -> dict[str, float]:
    """Of the keys that were located, by shard."""
    counts = Counter(places.values())
    return {name: counts[name] / len(places) for name in router.shards}


def test_shares(router: Router) -> None:
    """SD-23: keys that have nothing in common."""
    must_be_balanced(
        router, ["".join(router.rng.choices("abcdefghijkmnpqrstuvwxyz23456789", k=16)) for _ in range(KEYS)], "keys"
    )


def test_similar_keys(router: Router) -> None:
    """SD-23: keys that are counted up."""
    prefix = router.new_key("user")
    must_be_balanced(router, [f"{prefix}{number:04}" for number in range(KEYS)], "keys that differ in few bytes")
