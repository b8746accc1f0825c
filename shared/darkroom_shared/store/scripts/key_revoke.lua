-- Makes an API key open nothing any more. Its record stays: it says who did what.
-- args.key  its id
-- Returns 1, or 0 if there is no such key.
local k = P .. 'key:' .. args.key
if redis.call('EXISTS', k) == 0 then return 0 end
redis.call('HSETNX', k, 'revoked_ms', now)
return 1
