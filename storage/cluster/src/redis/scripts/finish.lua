-- FINISH: the units of these records are sold. The record goes, its units do not come back. By hold id: the request id
-- may have another record by now, whose units nobody bought. (No incarnation: less in Redis is never too much.)
--
-- ARGV: 2 epoch; then two a record: holder, hold.
-- Answer: tag, then «ended» or «gone» a record.

local EPOCH = ARGV[2]
local here = redis.call('HGET', SHELF, 'epoch') == EPOCH

local said = { TAG }
for at = 3, #ARGV, 2 do
  if here and own_record(ARGV[at], EPOCH, ARGV[at + 1]) then
    end_record(ARGV[at], 0)
    said[#said + 1] = 'ended'
  else
    said[#said + 1] = 'gone'
  end
end
return said
