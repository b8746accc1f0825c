-- Forgets a webhook endpoint, and what waits for it.
-- args.hook, args.tenant  its id, and whose it is
-- Returns 1, or 0 if it is not there.
if redis.call('SREM', P .. 'hooks:' .. args.tenant, args.hook) == 0 then return 0 end
for _, delivery in ipairs(redis.call('ZRANGE', P .. 'deliveries:' .. args.hook, 0, -1)) do
  redis.call('DEL', P .. 'delivery:' .. delivery, P .. 'delivery_log:' .. delivery)
end
redis.call('SREM', P .. 'outboxes', args.hook)
redis.call('DEL', P .. 'hook:' .. args.hook, P .. 'outbox:' .. args.hook, P .. 'deliveries:' .. args.hook, P .. 'hook_busy:' .. args.hook)
return 1
