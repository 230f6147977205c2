"""Redis through redis-py, with a circuit breaker: for a while after a failure nobody is made to wait for the next one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import redis.asyncio as redis
from limits import Policy, Verdict
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

SCRIPT = """
local kind, limit, window, cost, burst = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local key = KEYS[1]

if kind == 'fixed-window' then
  -- The key's own life is the window; it is a millisecond too long at most.
  local ends = tonumber(redis.call('HGET', key, 'ends') or 0)
  if now >= ends then
    ends = now + window
    redis.call('DEL', key)
    redis.call('HSET', key, 'ends', string.format('%.0f', ends))
    redis.call('PEXPIREAT', key, math.ceil(ends / 1000))
  end
  local used = tonumber(redis.call('HGET', key, 'used') or 0)
  if used + cost > limit then
    return {0, limit - used, ends - now, ends - now}
  end
  return {1, limit - redis.call('HINCRBY', key, 'used', cost), 0, ends - now}
end

if kind == 'sliding-window' then
  -- One element per unit.
  while true do
    local oldest = redis.call('LINDEX', key, 0)
    if not oldest or tonumber(oldest) + window > now then break end
    redis.call('LPOP', key)
  end
  local used = redis.call('LLEN', key)
  local missing = used + cost - limit
  if missing > 0 then
    local frees = redis.call('LINDEX', key, missing - 1) + window - now
    return {0, limit - used, frees, redis.call('LINDEX', key, 0) + window - now}
  end
  for _ = 1, cost do
    redis.call('RPUSH', key, string.format('%.0f', now))
  end
  redis.call('PEXPIREAT', key, math.ceil((now + window) / 1000))
  return {1, limit - used - cost, 0, redis.call('LINDEX', key, 0) + window - now}
end

local tokens, counted = burst, now
local known = redis.call('HMGET', key, 'tokens', 'counted')
if known[1] then
  counted = tonumber(known[2])
  tokens = math.min(burst, tonumber(known[1]) + (now - counted) * limit / window)
end
local admitted = tokens >= cost
if admitted then
  tokens = tokens - cost
  redis.call('HSET', key, 'tokens', string.format('%.17g', tokens), 'counted', string.format('%.0f', now))
  redis.call('PEXPIRE', key, math.ceil((burst - tokens) * window / limit / 1000))
end
local left = math.floor(tokens)
local wait = admitted and 0 or math.ceil((cost - tokens) * window / limit)
return {admitted and 1 or 0, left, wait, math.ceil((left + 1 - tokens) * window / limit)}
"""
SLICES, SLICE = 5, 0.05
OPEN_FOR = 0.5
CONNECTIONS = 8


class Down(Exception):
    """Nothing was decided, or nobody knows."""


async def in_time(asking: Coroutine[Any, Any, list[int]]) -> list[int]:
    """Wait a quarter of a second, in slices: when this process itself was held up, that takes one of them, not all."""
    task = asyncio.create_task(asking)
    for _ in range(SLICES):
        done, _ = await asyncio.wait({task}, timeout=SLICE)
        if done:
            return task.result()
    task.cancel()  # redis-py closes the connection then
    raise TimeoutError


class Store:
    """Redis, or a clear word that it is not there."""

    def __init__(self, url: str) -> None:
        self.redis = redis.Redis.from_url(
            url, socket_timeout=None, socket_connect_timeout=None, retry=Retry(NoBackoff(), 0)
        )
        self.script = self.redis.register_script(SCRIPT)
        self.turns = asyncio.Semaphore(CONNECTIONS)
        self.broken_until = 0.0
        self.last_success = 0.0

    async def decide(self, policy: Policy, client: str, cost: int) -> Verdict:
        """One script. Raises Down."""
        words = [policy.algorithm, policy.limit, policy.window_ms * 1000, cost, policy.burst]
        async with self.turns:
            began = time.monotonic()
            if began < self.broken_until:
                raise Down
            try:
                reply = await in_time(self.script(keys=[f"{policy.name}/{client}"], args=words))
            except (redis.RedisError, OSError, TimeoutError) as error:
                if self.last_success < began:  # else it was only slow: others have been answered meanwhile
                    self.broken_until = time.monotonic() + OPEN_FOR
                raise Down from error
            self.last_success = time.monotonic()
        admitted, left, wait, grows = reply
        return Verdict(admitted == 1, left, wait / 1e6, grows / 1e6)
