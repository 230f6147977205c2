"""The depot's environment."""

import random


def environment(rng: random.Random) -> dict[str, str]:
    """Nothing of its own."""
    return {}
