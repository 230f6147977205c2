-- A sliding window. ARGV: limit, window in microseconds, cost.
-- Returns: admitted, remaining, microseconds until this request would be admitted, and until more is left.
--
-- A list, the oldest first, of what was spent: "moment:units before:units". Units before counts from the list's
-- beginning on, so that its two ends tell how much is in use, however long it is.
local limit, length, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

local function read(entry)
  local moment, before, units = string.match(entry, '(%d+):(%d+):(%d+)')
  return tonumber(moment), tonumber(before), tonumber(units)
end

local oldest = redis.call('LINDEX', KEYS[1], 0)
while oldest and now >= read(oldest) + length do
  redis.call('LPOP', KEYS[1])
  oldest = redis.call('LINDEX', KEYS[1], 0)
end

local start, total = 0, 0
if oldest then
  local _, before, units = read(redis.call('LINDEX', KEYS[1], -1))
  total = before + units
  _, start = read(oldest)
end

local missing = total - start + cost - limit
if missing > 0 then
  -- Each entry frees a unit at least, so no more entries than units are of interest.
  for _, entry in ipairs(redis.call('LRANGE', KEYS[1], 0, missing - 1)) do
    local moment, before, units = read(entry)
    if before + units - start >= missing then
      return {0, limit - (total - start), moment + length - now, read(oldest) + length - now}
    end
  end
end

-- Not '..', which keeps 14 digits of a number.
redis.call('RPUSH', KEYS[1], string.format('%d:%d:%d', now, total, cost))
redis.call('PEXPIREAT', KEYS[1], math.ceil((now + length) / 1000))
local grows = oldest and read(oldest) + length - now or length
return {1, limit - (total - start) - cost, 0, grows}
