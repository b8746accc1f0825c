-- Lets the rows of a batch be fed, now that all of them are there.
-- args.id
-- Returns 1, or 0 if there is no such batch.
local b = batch_key(args.id)
if redis.call('EXISTS', b) == 0 then return 0 end
if field(b, 'state') == 'loading' then
  redis.call('HSET', b, 'state', 'running')
  redis.call('ZREM', P .. 'batch_retention', args.id)
  redis.call('ZADD', P .. 'batches', now, args.id)
  redis.call('ZADD', P .. 'batches:' .. field(b, 'tenant'), now, args.id)
end
return 1
