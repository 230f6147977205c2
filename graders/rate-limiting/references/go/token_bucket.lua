-- A token bucket. ARGV: limit, window in microseconds, cost, burst.
-- Returns: admitted, remaining, microseconds until this request would be admitted, and until more is left.
--
-- A token has as many parts as the window has microseconds, so `limit` parts trickle in per microsecond, and the level is
-- a whole number: at most 10,000 * 86,400,000,000, which a double of Lua holds exactly.
local limit, token, cost, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

local bucket = redis.call('HMGET', KEYS[1], 'level', 'seen_at')
local full = burst * token
local level, seen_at = tonumber(bucket[1] or full), tonumber(bucket[2] or now)
level = math.min(full, level + (now - seen_at) * limit)

local function reaches(goal)
  return math.ceil((goal - level) / limit)
end

local is_admitted = level >= cost * token
local wait = 0
if is_admitted then
  level = level - cost * token
  redis.call('HSET', KEYS[1], 'level', level, 'seen_at', now)
  redis.call('PEXPIREAT', KEYS[1], math.ceil((now + reaches(full)) / 1000))
else
  wait = reaches(cost * token)
end
local remaining = math.floor(level / token)
return {is_admitted and 1 or 0, remaining, wait, reaches((remaining + 1) * token)}
