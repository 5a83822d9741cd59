-- The same work as a CREATE of one line: the request id's key, the shelf, the user's limit, the order.
-- KEYS[1] the request id; ARGV user, how many skus there are, limit a user.
-- An accepted order costs four calls; sold out costs two, and writes nothing.
local shelf = 'shelf:' .. (ARGV[1] % ARGV[2])
if tonumber(redis.call('GET', shelf)) < 1 then
    return redis.call('GET', KEYS[1]) or 'SOLD_OUT'
end
local order = ARGV[1] .. ':' .. shelf .. ':1'
if not redis.call('SET', KEYS[1], order, 'NX') then
    return redis.call('GET', KEYS[1])
end
local user = 'user:' .. ARGV[1]
if redis.call('INCR', user) > tonumber(ARGV[3]) then
    redis.call('DECR', user)
    redis.call('DEL', KEYS[1])
    return 'USER_LIMIT'
end
redis.call('DECR', shelf)
return order
