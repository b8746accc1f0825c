-- Sends an endpoint a message that tells of nothing but itself, whatever it asked for.
-- args.hook, args.tenant  its id, and whose it is
-- Returns the delivery, or an empty text if there is no such endpoint.
if redis.call('SISMEMBER', P .. 'hooks:' .. args.tenant, args.hook) == 0 then return '' end
return put_out(args.hook, new_message(), 'endpoint.test', args.hook)
