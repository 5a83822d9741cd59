-- A sku or its sale has changed: from now on only who knows this version is given units. It only rises.
--
-- ARGV: 2 epoch, 3 catalogue version.
-- Answer: tag, then «closed» and the shelf's epoch, or «stale» and the shelf's epoch, or «version» and the one that
-- stands now, which is at least the one asked.

local EPOCH, CATALOGUE = ARGV[2], ARGV[3]

local shelf = redis.call('HMGET', SHELF, 'epoch', 'incarnation', 'catalogue')
local refused = refusal(shelf[1], shelf[2], EPOCH)
if refused then
  return refused
end
if tonumber(shelf[3]) >= tonumber(CATALOGUE) then
  return { TAG, 'version', shelf[3] }
end
redis.call('HSET', SHELF, 'catalogue', CATALOGUE)
return { TAG, 'version', CATALOGUE }
