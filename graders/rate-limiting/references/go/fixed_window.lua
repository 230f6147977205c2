-- A fixed window. ARGV: limit, window in microseconds, cost.
-- Returns: admitted, remaining, microseconds until this request would be admitted, and until more is left.
local limit, length, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

local window = redis.call('HMGET', KEYS[1], 'opened_at', 'used')
local opened_at, used = tonumber(window[1] or now), tonumber(window[2] or 0)
if now >= opened_at + length then
  opened_at, used = now, 0
end

local left = opened_at + length - now
if used + cost > limit then
  return {0, limit - used, left, left}
end
used = used + cost
redis.call('HSET', KEYS[1], 'opened_at', opened_at, 'used', used)
redis.call('PEXPIREAT', KEYS[1], math.ceil((opened_at + length) / 1000))
return {1, limit - used, 0, left}
