-- Removes the records of jobs whose retention is over, and hands out what is to be removed from the asset store: their stories, their
-- receipts, and the assets that no other job holds. What is handed out and not reported as `removed` is handed out again.
-- args.most
-- args.again_ms  after this time whoever was to remove a thing is taken for dead
-- Returns the time, then `story:<job>`, `receipt:<name>` and `asset:<sha256>`.
local function remove(kind, name) redis.call('ZADD', P .. 'removing', 0, kind .. ':' .. name) end

-- True while a later step may still read its pictures, or its batch tells what came of its rows.
local function is_needed(job)
  local batch = field(job_key(job), 'batch')
  if batch and redis.call('EXISTS', batch_key(batch)) == 1 then return true end
  for _, other in ipairs(cjson.decode(field(job_key(job), 'dependants') or '[]')) do
    local state = field(job_key(other), 'state')
    if state and not life.terminal_states[state] then return true end
  end
  return false
end

local function forget(job)
  local j = job_key(job)
  local tenant, workflow, key = unpack(redis.call('HMGET', j, 'tenant', 'workflow', 'reuse_key'))
  for _, output in ipairs(cjson.decode(field(j, 'outputs') or '[]')) do release_asset(output.sha256, tenant) end
  for _, sha256 in ipairs(cjson.decode(field(j, 'inputs') or '[]')) do release_asset(sha256, tenant) end
  remove('story', job)
  for _, call in ipairs(calls_of(job)) do
    -- Of every attempt: an answer that came too late may lie there as well.
    for _, text in ipairs(redis.call('HVALS', P .. 'attempts:' .. call)) do remove('receipt', call .. ':' .. cjson.decode(text).fence) end
    redis.call('DEL', call_key(call), P .. 'attempts:' .. call)
  end
  if key and redis.call('GET', key) == job then redis.call('DEL', key) end
  for _, index in ipairs({'retention', 'untold', 'dead', 'jobs', 'jobs:' .. tenant}) do redis.call('ZREM', P .. index, job) end
  redis.call('DEL', j, P .. 'events:' .. job, P .. 'needs:' .. job, P .. 'followers:' .. job)
  if workflow and redis.call('HINCRBY', P .. 'workflow:' .. workflow, 'left', -1) <= 0 then redis.call('DEL', P .. 'workflow:' .. workflow) end
end

for _, job in ipairs(redis.call('ZRANGEBYSCORE', P .. 'retention', '-inf', now, 'LIMIT', 0, args.most)) do
  if is_needed(job) then redis.call('ZADD', P .. 'retention', now + 3600000, job) else forget(job) end
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'batch_retention', '-inf', now, 'LIMIT', 0, args.most)) do
  local tenant = field(P .. 'batch:' .. id, 'tenant') or ''
  for _, name in ipairs(redis.call('LRANGE', P .. 'batch_assets:' .. id, 0, -1)) do release_asset(name, tenant) end
  redis.call('ZREM', P .. 'batch_retention', id)
  redis.call('ZREM', P .. 'batches:' .. tenant, id)
  redis.call('DEL', P .. 'batch:' .. id, P .. 'batch_assets:' .. id, P .. 'batch_chunks:' .. id, P .. 'batch_jobs:' .. id)
end
local out = redis.call('ZRANGEBYSCORE', P .. 'removing', '-inf', now - args.again_ms, 'LIMIT', 0, args.most * 10)
for _, thing in ipairs(out) do redis.call('ZADD', P .. 'removing', now, thing) end
redis.call('ZREMRANGEBYSCORE', P .. 'removed', '-inf', now - 3600000)
table.insert(out, 1, whole(now))
return out
