-- RETURN: units that MySQL has given back. A batch is added once, whatever the network repeats: only the next number of
-- its shard, in its epoch, and in the incarnation that was opened (a promoted replica may have lost an earlier batch, and
-- what it says is not what stands in the end).
--
-- ARGV: 2 epoch, 3 shard, 4 number, 5 units.
-- Answer: tag, then «added» (now, or by an earlier copy), «void» and the shelf's epoch (its sum has the units), «not_yet»
-- and the shelf's epoch (not open at this epoch, or not in this incarnation), or «gap» and the last number.

local EPOCH, LAST, NUMBER, UNITS = tonumber(ARGV[2]), 'r' .. ARGV[3], tonumber(ARGV[4]), ARGV[5]

local shelf = redis.call('HMGET', SHELF, 'epoch', 'incarnation', LAST)
local epoch = tonumber(shelf[1] or '0')
if epoch > EPOCH then
  return { TAG, 'void', shelf[1] }
end
if epoch < EPOCH or shelf[2] ~= incarnation() then
  return { TAG, 'not_yet', shelf[1] or '0' }
end

local last = tonumber(shelf[3] or '0')
if NUMBER == last + 1 then
  redis.call('HSET', SHELF, LAST, digits(NUMBER))
  redis.call('HINCRBY', SHELF, 'units', UNITS)
  return { TAG, 'added' }
end
if NUMBER <= last then
  return { TAG, 'added' }
end
return { TAG, 'gap', digits(last) }
