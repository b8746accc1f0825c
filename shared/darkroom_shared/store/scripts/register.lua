-- A worker says that it lives, how many slots it has and what its account allows. Repeated by its heartbeat.
-- args.worker, args.ttl_ms, args.fields = {slots, ...}
-- args.pools       list of {lane, pool, settings_rpm, catalogue_rpm, unknown, off, share, margin, scale, concurrency, tpm}: the worker's
--                  settings are the authority on quotas; what AWS was asked for lies beside them. Empty in most heartbeats
-- args.guardrail   what the worker holds calls against that name nothing else: a guardrail and its gates; may be empty
-- Returns 1.
local flat = {}
for name, value in pairs(args.fields) do flat[#flat + 1] = name; flat[#flat + 1] = value end
redis.call('HSET', P .. 'worker:' .. args.worker, unpack(flat))
-- One that died and came back under its name (host and pid of a container) may have been dedicated to lanes before.
for _, name in ipairs({'queue', 'lanes'}) do
  if not args.fields[name] then redis.call('HDEL', P .. 'worker:' .. args.worker, name) end
end
redis.call('PEXPIRE', P .. 'worker:' .. args.worker, whole(args.ttl_ms * 10))
local new = redis.call('ZADD', P .. 'workers', whole(now + args.ttl_ms), args.worker)
for _, entry in ipairs(args.pools) do
  set_pool(entry)
  redis.call('HSET', P .. 'pool:' .. entry.pool, 'told_ms', now)
end
redis.call('SET', P .. 'guardrail', args.guardrail)
redis.call('SADD', P .. 'queues', args.fields.queue or 'darkroom')
if new == 1 then redis.call('PUBLISH', P .. 'wake', 0) end
return 1
