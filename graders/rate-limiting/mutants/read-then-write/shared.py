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
        if policy.algorithm == "fixed-window":
            try:
                return self.decide_here(key, policy, cost)
            except (Unreachable, RedisError) as failure:
                raise StoreFailure from failure
        script = self.scripts[policy.algorithm]
        try:
            reply = self.redis.run(script, key, policy.limit, policy.window_us, cost, policy.burst)
        except (Unreachable, RedisError) as failure:
            raise StoreFailure from failure
        is_admitted, remaining, wait_us, grows_us = reply
        return Decision(is_admitted == 1, remaining, wait_us, grows_us)

    def decide_here(self, key: str, policy: Policy, cost: int) -> Decision:
        """A fixed window."""
        seconds, rest = self.redis.ask("TIME")
        now = int(seconds) * 1000000 + int(rest)
        opened_at, used = (int(each or 0) for each in self.redis.ask("HMGET", key, "opened_at", "used"))
        if now >= opened_at + policy.window_us:
            opened_at, used = now, 0
        left = opened_at + policy.window_us - now
        if used + cost > policy.limit:
            return Decision(False, policy.limit - used, left, left)
        self.redis.ask("HSET", key, "opened_at", opened_at, "used", used + cost)
        self.redis.ask("PEXPIRE", key, -(-left // 1000))
        return Decision(True, policy.limit - used - cost, 0, left)

    def tracked(self) -> int:
        """How many pairs this process holds state for: none, it is all in Redis."""
        return 0
