-- A page of the held records of the shelf's epoch that are older than so many microseconds, oldest first.
--
-- ARGV: 2 the age, 3 how many to pass over (which the reconciler looked at and left), 4 how many to look at.
-- Answer: tag, the shelf's epoch (0: none), how many were looked at, then seven a record: holder, attempt, shared, hold,
-- units, body, its time.

local AGE, SKIP, PAGE = tonumber(ARGV[2]), ARGV[3], ARGV[4]

local epoch = redis.call('HGET', SHELF, 'epoch') or '0'
local until_us = digits(now_us() - AGE)
local found = redis.call('ZRANGEBYSCORE', AGES, '-inf', until_us, 'WITHSCORES', 'LIMIT', SKIP, PAGE)

local said = { TAG, epoch, digits(#found / 2) }
for at = 1, #found, 2 do
  local record = record_of(redis.call('HGET', HELD, found[at]), epoch)
  if record then
    local fields = { found[at], digits(record.attempt), record.shared, record.hold, record.units, record.body, found[at + 1] }
    for _, field in ipairs(fields) do
      said[#said + 1] = field
    end
  end
end
return said
