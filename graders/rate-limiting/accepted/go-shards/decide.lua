-- KEYS: the pair. ARGV: algorithm, limit, window in µs, cost, burst. Returns: admitted, left, and µs: wait, grows.
local limit, window, cost, burst = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local function keep_until(moment)
  redis.call('PEXPIREAT', KEYS[1], math.ceil(moment / 1000))
end

local algorithm = {}

-- A packed pair of numbers: the end, and what was used.
algorithm['fixed-window'] = function()
  local ends, used = now + window, 0
  local packed = redis.call('GET', KEYS[1])
  if packed then
    local known_end, known_used = unpack(cmsgpack.unpack(packed))
    if now < known_end then
      ends, used = known_end, known_used
    end
  end
  if used + cost > limit then
    return {0, limit - used, ends - now, ends - now}
  end
  redis.call('SET', KEYS[1], cmsgpack.pack({ends, used + cost}))
  keep_until(ends)
  return {1, limit - used - cost, 0, ends - now}
end

-- A sorted set of requests: by the moment at which they leave, named "number:cost"; and "total", by what is in use.
algorithm['sliding-window'] = function()
  local function cost_of(member)
    return tonumber(string.match(member, ':(%d+)$'))
  end
  local gone = redis.call('ZRANGEBYSCORE', KEYS[1], 1000000, now)
  for _, member in ipairs(gone) do
    redis.call('ZREM', KEYS[1], member)
    redis.call('ZINCRBY', KEYS[1], -cost_of(member) / 65536, 'total')
  end
  local used = (redis.call('ZSCORE', KEYS[1], 'total') or 0) * 65536
  local missing = used + cost - limit
  -- The total is a fraction below 1, so it comes first; then the requests, the oldest first.
  if missing <= 0 then
    local number = redis.call('ZCARD', KEYS[1]) .. '.' .. time[1] .. '.' .. time[2]
    redis.call('ZADD', KEYS[1], string.format('%.0f', now + window), number .. ':' .. cost)
    redis.call('ZINCRBY', KEYS[1], cost / 65536, 'total')
    keep_until(now + window)
  end
  local oldest = redis.call('ZRANGE', KEYS[1], 1, math.max(1, missing), 'WITHSCORES')
  if missing <= 0 then
    return {1, limit - used - cost, 0, oldest[2] - now}
  end
  for i = 1, #oldest, 2 do
    missing = missing - cost_of(oldest[i])
    if missing <= 0 then
      return {0, limit - used, oldest[i + 1] - now, oldest[2] - now}
    end
  end
end

-- A packed pair of numbers: what is missing from a full bucket, in parts of which a token has as many as the window has µs,
-- and when that was so.
algorithm['token-bucket'] = function()
  local debt = 0
  local packed = redis.call('GET', KEYS[1])
  if packed then
    local owed, at = unpack(cmsgpack.unpack(packed))
    debt = math.max(0, owed - (now - at) * limit)
  end
  local admitted = debt + cost * window <= burst * window
  local wait = 0
  if admitted then
    debt = debt + cost * window
    redis.call('SET', KEYS[1], cmsgpack.pack({debt, now}))
    keep_until(now + math.ceil(debt / limit))
  else
    wait = math.ceil((debt - (burst - cost) * window) / limit)
  end
  local left = burst - math.ceil(debt / window)
  return {admitted and 1 or 0, left, wait, math.ceil((debt - (burst - left - 1) * window) / limit)}
end

return algorithm[ARGV[1]]()
