-- All API keys.
-- Returns their records, the oldest first.
local out = {}
for _, id in ipairs(redis.call('ZRANGE', P .. 'keys', 0, -1)) do out[#out + 1] = redis.call('HGETALL', P .. 'key:' .. id) end
return out
