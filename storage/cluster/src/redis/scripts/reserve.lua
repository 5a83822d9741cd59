-- RESERVE: takes units of one shelf for each of some asks, or says why not. Asks of one call stand or fall alone, as if
-- each had come by itself.
--
-- ARGV: 2 epoch, 3 catalogue version, 4 and 5 the window [from, until) in microseconds (0: no bound), in which the terms
-- that the node judged by hold; then five an ask: holder, attempt, hold, units, body.
-- Answer: tag, then «closed» and the shelf's epoch (0: it has none), or «stale» and the shelf's epoch, or «open» and a
-- text an ask.

local EPOCH, CATALOGUE, FROM, UNTIL = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local FIRST, WIDTH = 6, 5

local shelf = redis.call('HMGET', SHELF, 'epoch', 'incarnation', 'units', 'catalogue')
-- Before anything else, what a record says included: a promoted replica may have a record that had ended.
local refused = refusal(shelf[1], shelf[2], EPOCH)
if refused then
  return refused
end

local now, left = now_us(), tonumber(shelf[3])
local holders = {}
for at = FIRST, #ARGV, WIDTH do
  holders[#holders + 1] = ARGV[at]
end
local records = {}
for at, text in ipairs(redis.call('HMGET', HELD, unpack(holders))) do
  records[holders[at]] = record_of(text, EPOCH)
end

local changed, ages = {}, {}
local function keep(holder, record)
  records[holder] = record
  changed[#changed + 1], changed[#changed + 2] = holder, text_of(record, EPOCH)
  ages[#ages + 1], ages[#ages + 2] = digits(now), holder
end

-- No unit moves twice for a request id. The record is marked shared, so that the ask that took it does not give it back
-- by itself; it takes the higher attempt, so that a dead row of a lower one does not end it; and its age begins anew.
local function see(holder, record, attempt, hold, body)
  if record.body ~= body then
    return 'reused'
  end
  if attempt < record.attempt then
    return 'lower ' .. digits(record.attempt)
  end
  -- A second copy of the same RESERVE is not another ask.
  if record.hold ~= hold then
    record.attempt, record.shared = attempt, '1'
    keep(holder, record)
  end
  return 'seen ' .. record.hold
end

local function take(holder, attempt, hold, units, body)
  if shelf[4] ~= CATALOGUE then
    return 'catalogue ' .. shelf[4]
  end
  if FROM > now then
    return 'early ' .. digits(now)
  end
  if UNTIL ~= 0 and UNTIL <= now then
    return 'late ' .. digits(now)
  end
  local wanted = tonumber(units)
  if left < wanted then
    return 'short ' .. digits(math.max(left, 0))
  end
  left = left - wanted
  keep(holder, { attempt = attempt, shared = '0', hold = hold, units = units, body = body })
  return 'taken'
end

local said = { TAG, 'open' }
for at = FIRST, #ARGV, WIDTH do
  local holder, attempt, hold, units, body =
    ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local record = records[holder]
  if record then
    said[#said + 1] = see(holder, record, attempt, hold, body)
  else
    said[#said + 1] = take(holder, attempt, hold, units, body)
  end
end

-- Everything was looked at; from here nothing can fail.
if #changed > 0 then
  redis.call('HSET', HELD, unpack(changed))
  redis.call('ZADD', AGES, unpack(ages))
  redis.call('HSET', SHELF, 'units', digits(left))
end
return said
