-- Begins a batch, whose rows come with `batch_rows`; it is fed once `batch_start` has been asked for.
-- args.id, args.fields  fields of its record as text: tenant, total, parallel, retention_ms, ...
-- args.idem  {key, fingerprint, ttl_ms} or absent
-- Returns {verdict, id}: `accepted`, `replayed` (same key, same rows) or `conflict`.
if args.idem then
  local key = P .. 'idem:' .. args.idem.key
  local known = redis.call('GET', key)
  local entry = known and cjson.decode(known)
  if entry and redis.call('EXISTS', batch_key(entry.id)) == 1 and field(batch_key(entry.id), 'state') ~= 'loading' then
    return {entry.fingerprint == args.idem.fingerprint and 'replayed' or 'conflict', entry.id}
  end
  redis.call('SET', key, cjson.encode({id = args.id, fingerprint = args.idem.fingerprint}), 'PX', whole(args.idem.ttl_ms))
end
local flat = {}
for name, value in pairs(args.fields) do flat[#flat + 1] = name; flat[#flat + 1] = value end
redis.call('HSET', batch_key(args.id), 'id', args.id, 'state', 'loading', 'fed', 0, 'open', 0, 'created_ms', now, unpack(flat))
-- Whoever submits it may die before it is whole: then it goes again.
redis.call('ZADD', P .. 'batch_retention', now + 86400000, args.id)
return {'accepted', args.id}
