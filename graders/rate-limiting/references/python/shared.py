"""State in Redis, shared by all replicas: each decision is one script, which Redis runs alone and by its own clock."""

from __future__ import annotations

from pathlib import Path

from decision import Decision
from policies import Policy
from redis_client import Redis, RedisError, Unreachable

FILES = {"fixed-window": "fixed_window.lua", "sliding-window": "sliding_window.lua", "token-bucket": "token_bucket.lua"}


class StoreFailure(Exception):
    """Nothing could be decided."""


class Shared:
    """Decides in Redis."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.scripts = {name: (Path(__file__).parent / file).read_text() for name, file in FILES.items()}

    def decide(self, policy: Policy, client: str, cost: int) -> Decision:
        """Admit `cost` units now, or not at all. Raises StoreFailure."""
        key = f"{policy.name}:{client}"  # no policy has a colon in its name
        script = self.scripts[policy.algorithm]
        try:
            reply = self.redis.run(script, key, policy.limit, policy.window_us, cost, policy.burst)
        except (Unreachable, RedisError) as failure:
            raise StoreFailure from failure
        is_admitted, remaining, wait_us, grows_us = reply
        return Decision(is_admitted == 1, remaining, wait_us, grows_us)

    def tracked(self) -> int:
        """How many pairs this process holds state for: none, it is all in Redis."""
        return 0
