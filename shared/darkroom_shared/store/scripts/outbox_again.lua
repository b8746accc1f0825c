-- Sends a message once more, whatever came of it.
-- args.delivery, args.hook, args.tenant  the delivery, its endpoint, and whose that is
-- Returns 1, or 0 if there is no such delivery.
local d = P .. 'delivery:' .. args.delivery
if redis.call('SISMEMBER', P .. 'hooks:' .. args.tenant, args.hook) == 0 or redis.call('HGET', d, 'hook') ~= args.hook then return 0 end
redis.call('HSET', d, 'state', 'pending')
redis.call('ZADD', P .. 'outbox:' .. args.hook, now, args.delivery)
redis.call('SADD', P .. 'outboxes', args.hook)
return 1
