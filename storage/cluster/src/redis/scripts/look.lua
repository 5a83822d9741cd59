-- What the shelf is, and where: for who decides whether it has to be opened, and for who compares it with MySQL.
--
-- Answer: tag, this server's incarnation, its clock in microseconds, how many records are held, then the shelf's fields
-- and their values (none: there is no shelf).

local said = { TAG, incarnation(), digits(now_us()), digits(redis.call('HLEN', HELD)) }
for _, text in ipairs(redis.call('HGETALL', SHELF)) do
  said[#said + 1] = text
end
return said
