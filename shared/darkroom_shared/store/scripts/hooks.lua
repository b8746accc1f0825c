-- A tenant's webhook endpoints.
-- args.tenant
-- Returns their records, in the order of their ids.
local ids, out = redis.call('SMEMBERS', P .. 'hooks:' .. args.tenant), {}
table.sort(ids)
for _, id in ipairs(ids) do out[#out + 1] = redis.call('HGETALL', P .. 'hook:' .. id) end
return out
