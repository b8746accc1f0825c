-- What was sent to an endpoint, the newest first.
-- args.hook, args.tenant  its id, and whose it is
-- args.offset, args.limit
-- Returns {{record, the tries as JSON texts, when it is due in ms or -1}, ...}.
local out = {}
if redis.call('SISMEMBER', P .. 'hooks:' .. args.tenant, args.hook) == 0 then return out end
for _, delivery in ipairs(redis.call('ZREVRANGE', P .. 'deliveries:' .. args.hook, args.offset, args.offset + args.limit - 1)) do
  local record = redis.call('HGETALL', P .. 'delivery:' .. delivery)
  if #record > 0 then
    local due = redis.call('ZSCORE', P .. 'outbox:' .. args.hook, delivery)
    out[#out + 1] = {record, redis.call('LRANGE', P .. 'delivery_log:' .. delivery, 0, -1), due and tonumber(due) or -1}
  end
end
return out
