-- What every script of a shelf begins with; it is put before each of them.
--
-- KEYS[1]  the shelf, a hash: epoch, incarnation, units, catalogue, and r<shard>, the number of its last RETURN batch
-- KEYS[2]  its held records, a hash: holder (who, and which request id) → record
-- KEYS[3]  the same holders by time, a sorted set: microseconds of this server's clock
-- ARGV[1]  any word, the first of the answer: a client sees that an answer is not the one it waits for
--
-- A record is «epoch attempt shared hold units body»: decimal, but hold and body in hex. One of another epoch counts as
-- absent, in every script. Numbers are below 2^53, which a Lua number holds exactly. Nothing here expires by itself.

local SHELF, HELD, AGES, TAG = KEYS[1], KEYS[2], KEYS[3], ARGV[1]

-- Which life of which server this is. A promoted replica has the shelf, too, but perhaps not the last writes; it has
-- another id, and so has a server that was restarted.
local function incarnation()
  return string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
end

-- Nothing where the shelf is open at this epoch, here and now; else the answer. Looked at in the same script that moves
-- units, so nothing happens between the look and the move.
local function refusal(shelf_epoch, shelf_incarnation, epoch)
  if not shelf_epoch then
    return { TAG, 'closed', '0' }
  end
  if shelf_incarnation ~= incarnation() then
    return { TAG, 'closed', shelf_epoch }
  end
  if shelf_epoch ~= epoch then
    return { TAG, 'stale', shelf_epoch }
  end
  return nil
end

local function now_us()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local function digits(number)
  return string.format('%.0f', number)
end

local function record_of(text, epoch)
  if not text then
    return nil
  end
  local of, attempt, shared, hold, units, body =
    string.match(text, '^(%d+) (%d+) ([01]) (%x+) (%d+) (%x+)$')
  if of ~= epoch then
    return nil
  end
  return { attempt = tonumber(attempt), shared = shared, hold = hold, units = units, body = body }
end

local function text_of(record, epoch)
  return epoch .. ' ' .. digits(record.attempt) .. ' ' .. record.shared .. ' ' .. record.hold
    .. ' ' .. record.units .. ' ' .. record.body
end

-- The record that a script may end: in the epoch that was asked, which is the shelf's, under the hold id that was asked.
local function own_record(holder, epoch, hold)
  local record = record_of(redis.call('HGET', HELD, holder), epoch)
  if record and record.hold == hold then
    return record
  end
  return nil
end

-- A record goes; its units are sold (0 come back), or free again.
local function end_record(holder, units)
  redis.call('HDEL', HELD, holder)
  redis.call('ZREM', AGES, holder)
  if units ~= 0 then
    redis.call('HINCRBY', SHELF, 'units', units)
  end
end
