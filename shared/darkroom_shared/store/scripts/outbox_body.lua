-- Keeps what a message says, before it is sent the first time: sent again, it says the same.
-- args.delivery  the delivery
-- args.body      what it would say now
-- Returns what it says.
local d = P .. 'delivery:' .. args.delivery
if redis.call('EXISTS', d) == 0 then return args.body end
redis.call('HSETNX', d, 'body', args.body)
return redis.call('HGET', d, 'body')
