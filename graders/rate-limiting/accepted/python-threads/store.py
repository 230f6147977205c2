"""State in Redis through redis-py's threads' side: fields of a hash, of which a sliding window has one per request."""

from __future__ import annotations

import threading
import time

import redis
from limits import Policy, Verdict
from redis.backoff import NoBackoff
from redis.retry import Retry

SCRIPT = """
local key, algorithm = KEYS[1], ARGV[1]
local limit, window, cost, burst = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function ms(us) return math.ceil(us / 1000) end
local function number(x) return string.format('%.0f', x) end

if algorithm == 'fixed-window' then
  local ends, used = now + window, 0
  local known = redis.call('GET', key)
  if known then
    local e, u = string.match(known, '(%d+) (%d+)')
    if tonumber(e) > now then ends, used = tonumber(e), tonumber(u) end
  end
  if used + cost > limit then return {0, limit - used, ms(ends - now), ms(ends - now)} end
  used = used + cost
  redis.call('SET', key, number(ends) .. ' ' .. used, 'PXAT', ms(ends))
  return {1, limit - used, 0, ms(ends - now)}
end

if algorithm == 'sliding-window' then
  -- "leaves" is the field's name, with what was spent at that very moment.
  local moments, units, used, gone = {}, redis.call('HGETALL', key), 0, {}
  local spent = {}
  for i = 1, #units, 2 do
    local leaves = tonumber(units[i])
    if leaves > now then
      moments[#moments + 1] = leaves
      spent[leaves] = tonumber(units[i + 1])
      used = used + spent[leaves]
    else
      redis.call('HDEL', key, units[i])
    end
  end
  table.sort(moments)
  local free = limit - used
  if free >= cost then
    redis.call('HINCRBY', key, number(now + window), cost)
    redis.call('PEXPIREAT', key, ms(now + window))
    return {1, free - cost, 0, ms((moments[1] or now + window) - now)}
  end
  local total = free
  for _, leaves in ipairs(moments) do
    total = total + spent[leaves]
    if total >= cost then return {0, free, ms(leaves - now), ms(moments[1] - now)} end
  end
end

-- Parts of a token: as many as the window has microseconds.
local full = burst * window
local known = redis.call('GET', key)
local have = full
if known then
  local h, at = string.match(known, '(%d+) (%d+)')
  have = math.min(full, h + (now - at) * limit)
end
local admitted = have >= cost * window
if admitted then
  have = have - cost * window
  redis.call('SET', key, number(have) .. ' ' .. number(now), 'PX', ms((full - have) / limit))
end
local left = math.floor(have / window)
local wait = admitted and 0 or ms(math.ceil((cost * window - have) / limit))
return {admitted and 1 or 0, left, wait, ms(math.ceil(((left + 1) * window - have) / limit))}
"""
PATIENCE = 0.2
REST = 0.4
CONNECTIONS = 16


class Down(Exception):
    """Nothing was decided, or nobody knows."""


class Store:
    """So many threads at once may ask Redis; when it failed one of them, all leave it alone for a while."""

    def __init__(self, url: str) -> None:
        self.redis = redis.Redis.from_url(
            url,
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            retry=Retry(NoBackoff(), 0),
            lib_name=None,
            lib_version=None,
        )
        self.script = self.redis.register_script(SCRIPT)
        self.turns = threading.Semaphore(CONNECTIONS)
        self.rests_until = 0.0
        self.last_success = 0.0

    def decide(self, policy: Policy, client: str, cost: int) -> Verdict:
        """One script. Raises Down."""
        words = [policy.algorithm, policy.limit, policy.window_ms * 1000, cost, policy.burst]
        with self.turns:
            began = time.monotonic()
            if began < self.rests_until:
                raise Down
            try:
                admitted, *numbers = self.script(keys=[f"{policy.name}|{client}"], args=words)
            except redis.RedisError as error:
                if self.last_success < began:  # else it was only slow: others have been answered meanwhile
                    self.rests_until = time.monotonic() + REST
                raise Down from error
            self.last_success = time.monotonic()
        return Verdict(admitted == 1, *numbers)

    def tracked(self) -> int:
        return 0
