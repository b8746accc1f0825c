-- Records an API key.
-- args.key     its id
-- args.fields  text fields: sha256, tenant, scopes, name, expires_ms
-- Returns 1, or 0 if there is one of that id.
local k = P .. 'key:' .. args.key
if redis.call('EXISTS', k) == 1 then return 0 end
for name, value in pairs(args.fields) do redis.call('HSET', k, name, value) end
redis.call('HSET', k, 'id', args.key, 'created_ms', now)
redis.call('ZADD', P .. 'keys', now, args.key)
return 1
