"""The greeter's environment."""

import random


def environment(rng: random.Random) -> dict[str, str]:
    """A word that the service must put before each name."""
    return {"GREETING": rng.choice(["hello", "welcome", "good day"])}
