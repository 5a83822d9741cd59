-- Ends records as MySQL judged them, comparing what each record is now: between the judgement and this script another
-- attempt may have seen it.
--
-- ARGV: 2 epoch; then four a record: holder, hold, and «dead» with its number, «refused» with nothing, or «order» with
-- the hold id of its line here.
-- Answer: tag, then a text a record: «sold» (gone, nothing comes back), «freed» (gone, its units are free again),
-- «later» and the attempt that has it now (it stays), or «gone».

local EPOCH = ARGV[2]
local here = redis.call('HGET', SHELF, 'epoch') == EPOCH

local function judge(holder, hold, verdict, of)
  local record = here and own_record(holder, EPOCH, hold)
  if not record then
    return 'gone'
  end
  if verdict == 'dead' and tonumber(of) < record.attempt then
    return 'later ' .. digits(record.attempt)
  end
  if verdict == 'order' and of == hold then
    end_record(holder, 0)
    return 'sold'
  end
  -- A dead row ends every attempt up to its number, a refusal all of them; an order with another hold id never had
  -- these units.
  end_record(holder, tonumber(record.units))
  return 'freed'
end

local said = { TAG }
for at = 3, #ARGV, 4 do
  said[#said + 1] = judge(ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3])
end
return said
