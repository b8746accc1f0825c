-- Somebody shows an API key, or none.
-- args.key  its id, if one is shown
-- Returns whether any key was ever made (then one is needed), the time in ms, and the record of this one.
local record = {}
if args.key then
  local k = P .. 'key:' .. args.key
  record = redis.call('HGETALL', k)
  if #record > 0 and now - (tonumber(redis.call('HGET', k, 'used_ms')) or 0) > 60000 then redis.call('HSET', k, 'used_ms', now) end
end
return {redis.call('EXISTS', P .. 'keys'), now, record}
