-- Removes the records of jobs whose retention is over. The pictures are the caller's to remove: it gets their names back.
-- args.most
-- Returns JSON list of {job, assets = [sha256 that no other job holds], receipts = [names of answers kept for inspection]}.
local out = {}
for _, job in ipairs(redis.call('ZRANGEBYSCORE', P .. 'retention', '-inf', now, 'LIMIT', 0, args.most)) do
  local j = job_key(job)
  local assets = {}
  local function release(sha256)
    if redis.call('HINCRBY', P .. 'assets', sha256, -1) <= 0 then
      redis.call('HDEL', P .. 'assets', sha256)
      assets[#assets + 1] = sha256
    end
  end
  for _, output in ipairs(cjson.decode(field(j, 'outputs') or '[]')) do release(output.sha256) end
  for _, sha256 in ipairs(cjson.decode(field(j, 'inputs') or '[]')) do release(sha256) end
  local receipts = {}
  for _, call in ipairs(calls_of(job)) do
    receipts[#receipts + 1] = field(call_key(call), 'receipt')
    redis.call('DEL', call_key(call), P .. 'attempts:' .. call)
  end
  local tenant, workflow = field(j, 'tenant'), field(j, 'workflow')
  redis.call('ZREM', P .. 'retention', job)
  redis.call('ZREM', P .. 'untold', job)
  redis.call('ZREM', P .. 'jobs', job)
  redis.call('ZREM', P .. 'jobs:' .. tenant, job)
  redis.call('DEL', j, P .. 'events:' .. job, P .. 'needs:' .. job)
  if workflow and redis.call('HINCRBY', P .. 'workflow:' .. workflow, 'left', -1) <= 0 then redis.call('DEL', P .. 'workflow:' .. workflow) end
  out[#out + 1] = {job = job, assets = assets, receipts = receipts}
end
return #out == 0 and '[]' or cjson.encode(out)
