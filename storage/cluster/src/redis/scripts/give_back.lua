-- An ask gives back what it took, where nothing was sent to MySQL for it and nothing will be. What another ask has seen
-- (shared) stays: that one may be committing it.
--
-- ARGV: 2 epoch; then two a record: holder, hold.
-- Answer: tag, then «ended», «shared» or «gone» a record.

local EPOCH = ARGV[2]
local here = redis.call('HGET', SHELF, 'epoch') == EPOCH

local said = { TAG }
for at = 3, #ARGV, 2 do
  local record = here and own_record(ARGV[at], EPOCH, ARGV[at + 1])
  if not record then
    said[#said + 1] = 'gone'
  elseif record.shared == '1' then
    said[#said + 1] = 'shared'
  else
    end_record(ARGV[at], tonumber(record.units))
    said[#said + 1] = 'ended'
  end
end
return said
