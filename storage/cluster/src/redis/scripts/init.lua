-- INIT: opens the shelf with what is not sold, over a lower epoch only. Records of older epochs count as absent; here
-- they go. The incarnation is this server's own, whichever the opener meant to reach.
--
-- ARGV: 2 epoch, 3 units (may be below 0: a cap that was lowered below what is sold), 4 catalogue version.
-- Answer: tag, then «opened», or «passed» and the shelf's epoch.

local EPOCH, UNITS, CATALOGUE = ARGV[2], ARGV[3], ARGV[4]

local epoch = redis.call('HGET', SHELF, 'epoch')
if epoch and tonumber(epoch) >= tonumber(EPOCH) then
  return { TAG, 'passed', epoch }
end

redis.call('UNLINK', SHELF, HELD, AGES)
redis.call('HSET', SHELF, 'epoch', EPOCH, 'incarnation', incarnation(), 'units', UNITS, 'catalogue', CATALOGUE)
return { TAG, 'opened' }
