-- Lets the rows of a batch be fed, now that all of them are there.
-- args.id
-- Returns {verdict, id}: `accepted`, `replayed` (another one with the same key and rows was started first), `conflict` (one with other
-- rows was), or `gone`.
local b = batch_key(args.id)
if redis.call('EXISTS', b) == 0 then return {'gone', args.id} end
if field(b, 'state') == 'loading' then
  -- Several may be submitted under one key at once, as one that was never whole must not stand in the way: the first to start is it.
  local key, print, life = unpack(redis.call('HMGET', b, 'idem_key', 'idem_print', 'idem_ttl_ms'))
  local verdict, other = known_batch(key, print)
  if verdict then return {verdict, other} end
  if key then redis.call('SET', P .. 'idem:' .. key, cjson.encode({id = args.id, fingerprint = print}), 'PX', life) end
  redis.call('HSET', b, 'state', 'running')
  redis.call('ZREM', P .. 'batch_retention', args.id)
  redis.call('ZADD', P .. 'batches', now, args.id)
  redis.call('ZADD', P .. 'batches:' .. field(b, 'tenant'), now, args.id)
end
return {'accepted', args.id}
