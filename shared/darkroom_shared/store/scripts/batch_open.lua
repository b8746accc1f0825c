-- Begins a batch, whose rows come with `batch_rows`; it is fed once `batch_start` has been asked for.
-- args.id, args.fields  fields of its record as text: tenant, total, parallel, retention_ms, ...
-- args.idem  {key, fingerprint, ttl_ms} or absent
-- Returns {verdict, id}: `accepted`, `replayed` (same key, same rows) or `conflict`.
local flat = {}
if args.idem then
  local verdict, other = known_batch(args.idem.key, args.idem.fingerprint)
  if verdict then return {verdict, other} end
  flat = {'idem_key', args.idem.key, 'idem_print', args.idem.fingerprint, 'idem_ttl_ms', whole(args.idem.ttl_ms)}
end
for name, value in pairs(args.fields) do flat[#flat + 1] = name; flat[#flat + 1] = value end
redis.call('HSET', batch_key(args.id), 'id', args.id, 'state', 'loading', 'fed', 0, 'open', 0, 'created_ms', now, unpack(flat))
-- Whoever submits it may die before it is whole: then it goes again.
redis.call('ZADD', P .. 'batch_retention', now + 86400000, args.id)
return {'accepted', args.id}
