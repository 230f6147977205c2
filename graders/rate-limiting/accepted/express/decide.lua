-- KEYS: the pair. ARGV: algorithm, limit, window in µs, cost, burst. Returns: admitted, left, and µs: wait, grows.
local algorithm, key = ARGV[1], KEYS[1]
local limit, window, cost, burst = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local seconds, rest = unpack(redis.call('TIME'))
local now = seconds * 1000000 + rest

if algorithm == 'fixed-window' then
  local used = tonumber(redis.call('HGET', key, 'used') or 0)
  local ends = tonumber(redis.call('HGET', key, 'ends') or 0)
  if ends <= now then
    used, ends = 0, now + window
  end
  local admitted = used + cost <= limit
  if admitted then
    used = used + cost
    redis.call('HMSET', key, 'used', used, 'ends', ends)
    redis.call('PEXPIRE', key, math.ceil((ends - now) / 1000))
  end
  return {admitted and 1 or 0, limit - used, ends - now, ends - now}
end

if algorithm == 'sliding-window' then
  -- The stream's ids are the moments, in µs.
  redis.call('XTRIM', key, 'MINID', '=', string.format('%.0f', now - window + 1))
  local moments, costs, used = {}, {}, 0
  for i, entry in ipairs(redis.call('XRANGE', key, '-', '+')) do
    moments[i], costs[i] = tonumber(string.match(entry[1], '^%d+')), tonumber(entry[2][2])
    used = used + costs[i]
  end
  local missing = used + cost - limit
  if missing <= 0 then
    redis.call('XADD', key, string.format('%.0f-*', now), 'cost', cost)
    redis.call('PEXPIRE', key, math.ceil(window / 1000))
    return {1, limit - used - cost, 0, (moments[1] or now) + window - now}
  end
  for i, moment in ipairs(moments) do
    missing = missing - costs[i]
    if missing <= 0 then
      return {0, limit - used, moment + window - now, moments[1] + window - now}
    end
  end
end

-- What is missing from a full bucket, in parts of which a token has as many as the window has µs.
local known = redis.call('HMGET', key, 'missing', 'seen')
local missing = known[1] and math.max(0, known[1] - (now - known[2]) * limit) or 0
local room = (burst - cost) * window
local wait = 0
local admitted = missing <= room
if admitted then
  missing = missing + cost * window
  redis.call('HMSET', key, 'missing', missing, 'seen', now)
  redis.call('PEXPIRE', key, math.ceil(missing / limit / 1000))
else
  wait = math.ceil((missing - room) / limit)
end
local left = burst - math.ceil(missing / window)
return {admitted and 1 or 0, left, wait, math.ceil((missing - (burst - left - 1) * window) / limit)}
