-- Records what came of a try to deliver a message.
-- args.delivery, args.tries  the delivery, and which try it was: one that somebody else has begun anew since does not count
-- args.row                   JSON of the try, for the log
-- args.outcome               delivered, retry or failed
-- args.delay_ms              of a retry: how long until the next try
-- args.disable               why the endpoint wants no more, or an empty text
-- args.give_up_ms            an endpoint that has taken nothing for so long gets no more
-- Returns 1, or 0 if it does not count.
local d = P .. 'delivery:' .. args.delivery
local hook, tries = unpack(redis.call('HMGET', d, 'hook', 'tries'))
if not hook or tonumber(tries) ~= args.tries then return 0 end
local h, o = P .. 'hook:' .. hook, P .. 'outbox:' .. hook
redis.call('RPUSH', P .. 'delivery_log:' .. args.delivery, args.row)
redis.call('LTRIM', P .. 'delivery_log:' .. args.delivery, -30, -1)
redis.call('PEXPIRE', P .. 'delivery_log:' .. args.delivery, 2592000000)
redis.call('ZREM', P .. 'hook_busy:' .. hook, args.delivery)
local state = args.outcome == 'retry' and 'pending' or args.outcome
redis.call('HSET', d, 'state', state, 'tried_ms', now)
if args.outcome == 'retry' then redis.call('ZADD', o, now + args.delay_ms, args.delivery) else redis.call('ZREM', o, args.delivery) end
if redis.call('EXISTS', h) == 0 then return 1 end
if args.outcome == 'delivered' then
  redis.call('HDEL', h, 'failing_ms')
else
  redis.call('HSETNX', h, 'failing_ms', now)
end
local why = args.disable
if why == '' and now - (tonumber(redis.call('HGET', h, 'failing_ms')) or now) > args.give_up_ms then why = 'it has taken nothing for too long' end
if why ~= '' and redis.call('HEXISTS', h, 'disabled_ms') == 0 then redis.call('HSET', h, 'disabled_ms', now, 'disabled_why', why) end
return 1
