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


def must_be_balanced(router: Router, keys: list[str], what: str) -> None:
    """SD-23: of 3,000 keys on 3 shards."""
    counts = Counter(router.locate_all(keys).values())
    shares = {name: counts[name] / len(keys) for name in router.shards}
    for name, share in shares.items():
        if not LEAST <= share <= MOST:
            got = f"{share:.1%} on shard {name} ({', '.join(f'{each} {counts[each]}' for each in shares)})"
            why = "The fullest shard is full first, and is the slowest."
            evidence = router.all_at_once([Ask(f"/shards/locate/{keys[0]}")])
            fail(*evidence, expected=f"{LEAST:.0%} to {MOST:.0%} of {KEYS:,} {what} on each shard", got=got, why=why)


def test_shares(router: Router) -> None:
    """SD-23: keys that have nothing in common."""
    must_be_balanced(
        router, ["".join(router.rng.choices("abcdefghijkmnpqrstuvwxyz23456789", k=16)) for _ in range(KEYS)], "keys"
    )


def test_similar_keys(router: Router) -> None:
    """SD-23: keys that are counted up."""
    prefix = router.new_key("user")
    must_be_balanced(router, [f"{prefix}{number:04}" for number in range(KEYS)], "keys that differ in few bytes")
