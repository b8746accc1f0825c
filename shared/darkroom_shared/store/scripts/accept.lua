-- Records jobs (one, or steps of a workflow) and their calls; the only way work comes into the ledger.
-- args.jobs        list of {id, fields = {name = text; lane, class, tenant}, calls, needs = [job], dependants = [job], hold_until_ms}; a job
--                  may also need jobs of its tenant that are here already
-- args.workflow    {id, fields} or absent; of one that is here already and goes on, also {steps_were, replaced}: its steps so far, as text, and by
--                  ended job the new one in its place
-- args.batch       {id, row}: the batch whose row this is; absent for none
-- args.pools       list of {lane, pool, ...}: known quotas, as for `register`; what a live worker says of a pool stays
-- args.idem        {key, fingerprint, ttl_ms} or absent
-- args.replaces    the dead letter that the one job is to replace, or absent
-- args.stored_ms   time of the answer `put_again` after which the assets were stored, or absent
-- Returns {verdict, id, ...}: verdict `accepted` (after the id, models of these jobs that are marked as retired), `replayed` (same key, same body: nothing was written), `conflict`, `not_dead` (what was to
-- be replaced waits for nobody: id is what replaced it already, or empty), `draining` (nothing new is taken: id is the tenant or the lane),
-- `need_gone` (id is a job that is needed and not here), `changed` (the workflow's steps are not those any more), `stale` (it is not this row's turn, or the batch takes none),
-- `queue_full` (id is the tenant, then its limit and what is queued) or `put_again` (nothing was written: retention removes, or has
-- just removed, the assets named after the id and the time; store them again, then ask again).
local first = args.workflow and args.workflow.id or args.jobs[1].id
-- The client library sends a script again if the answer got lost: these very jobs are here already, perhaps under way.
if redis.call('EXISTS', job_key(args.jobs[1].id)) == 1 then return {'accepted', first} end
if args.batch then
  local state, fed, total, open, parallel =
    unpack(redis.call('HMGET', P .. 'batch:' .. args.batch.id, 'state', 'fed', 'total', 'open', 'parallel'))
  local turn = state == 'running' and tonumber(fed) == args.batch.row - 1 and args.batch.row <= tonumber(total)
  if not turn or tonumber(open) >= tonumber(parallel) then return {'stale', args.batch.id} end
end
if args.idem then
  local key = P .. 'idem:' .. args.idem.key
  local known = redis.call('GET', key)
  local entry = known and cjson.decode(known)
  -- A key whose job was removed at the end of its retention is free again.
  if entry and (redis.call('EXISTS', job_key(entry.id)) == 1 or redis.call('EXISTS', P .. 'workflow:' .. entry.id) == 1) then
    if entry.fingerprint ~= args.idem.fingerprint then return {'conflict', entry.id} end
    return {'replayed', entry.id}
  end
end
if args.replaces and not redis.call('ZSCORE', P .. 'dead', args.replaces) then
  return {'not_dead', field(job_key(args.replaces), 'replaced_by') or ''}
end
local new = {}
for _, job in ipairs(args.jobs) do
  new[job.id] = true
  for _, name in ipairs({'lane', 'class', 'tenant'}) do
    if type(job.fields[name]) ~= 'string' then return redis.error_reply('ERR a job needs a ' .. name) end
  end
end
for _, job in ipairs(args.jobs) do
  for _, need in ipairs(job.needs) do
    if not new[need] and field(job_key(need), 'tenant') ~= job.fields.tenant then return {'need_gone', need} end
  end
end
local goes_on = args.workflow and args.workflow.steps_were
if goes_on then
  if field(P .. 'workflow:' .. args.workflow.id, 'steps') ~= goes_on then return {'changed', args.workflow.id} end
  for old in pairs(args.workflow.replaced) do
    if not life.terminal_states[field(job_key(old), 'state') or 'gone'] then return {'changed', args.workflow.id} end
  end
end
if not args.replaces then
  local news = {}
  for _, job in ipairs(args.jobs) do
    local tenant, lane = job.fields.tenant, job.fields.lane
    if tenant_of(tenant).mode == 'draining' then return {'draining', 'tenant ' .. tenant} end
    if field(P .. 'lane:' .. lane, 'mode') == 'draining' then return {'draining', 'lane ' .. lane} end
    news[tenant] = (news[tenant] or 0) + 1
  end
  for tenant, count in pairs(news) do
    local most = tonumber(tenant_of(tenant).queued or '')
    local queued = most and redis.call('SCARD', P .. 'queued:' .. tenant) or 0
    if most and queued + count > most then return {'queue_full', tenant, whole(most), whole(queued)} end
  end
end
local inputs = {}
for _, job in ipairs(args.jobs) do
  for _, sha256 in ipairs(job.fields.inputs and cjson.decode(job.fields.inputs) or {}) do inputs[#inputs + 1] = sha256 end
end
local removed = removed_assets(inputs, args.stored_ms)
if #removed > 0 then return {'put_again', first, whole(now), unpack(removed)} end
if args.idem then
  redis.call('SET', P .. 'idem:' .. args.idem.key, cjson.encode({id = first, fingerprint = args.idem.fingerprint}), 'PX', whole(args.idem.ttl_ms))
end
if args.replaces then
  leave_dead_letters(args.replaces)
  redis.call('HSET', job_key(args.replaces), 'replaced_by', first)
end
for _, entry in ipairs(args.pools) do
  if now - number(P .. 'pool:' .. entry.pool, 'told_ms') > 60000 then set_pool(entry) end
end
if args.workflow then
  local flat = {}
  for name, value in pairs(args.workflow.fields) do flat[#flat + 1] = name; flat[#flat + 1] = value end
  local w = P .. 'workflow:' .. args.workflow.id
  redis.call('HSETNX', w, 'created_ms', now)
  redis.call('HSET', w, 'id', args.workflow.id, unpack(flat))
  redis.call('HINCRBY', w, 'left', #args.jobs) -- jobs whose records are kept
  redis.call('HINCRBY', w, 'open', #args.jobs) -- jobs that have not ended
  redis.call('HDEL', w, 'finished_ms')
  for old, fresh in pairs(goes_on and args.workflow.replaced or {}) do
    if redis.call('ZSCORE', P .. 'dead', old) then leave_dead_letters(old) end
    redis.call('HSET', job_key(old), 'replaced_by', fresh)
  end
end
-- A job that is needed and was here before: what is still to be waited for of it.
local function await(job, need)
  local n = job_key(need)
  local later = cjson.decode(field(n, 'dependants') or '[]')
  later[#later + 1] = job.id
  redis.call('HSET', n, 'dependants', cjson.encode(later))
  local state = field(n, 'state')
  if not life.terminal_states[state] then redis.call('SADD', P .. 'needs:' .. job.id, need)
  elseif state ~= 'succeeded' and state ~= 'partial' and not (job.fields.soft and cjson.decode(job.fields.soft)[need]) then
    job.doomed = true
  end
end
local complete = {}
if args.batch then
  redis.call('HINCRBY', P .. 'batch:' .. args.batch.id, 'fed', 1)
  redis.call('HINCRBY', P .. 'batch:' .. args.batch.id, 'open', 1)
  redis.call('RPUSH', P .. 'batch_jobs:' .. args.batch.id, args.jobs[#args.jobs].id)
end
local retired = {}
for _, job in ipairs(args.jobs) do
  local j = job_key(job.id)
  if job.fields.model and redis.call('HEXISTS', P .. 'retired', job.fields.model) == 1 then retired[#retired + 1] = job.fields.model end
  local flat = {}
  for name, value in pairs(job.fields) do flat[#flat + 1] = name; flat[#flat + 1] = value end
  redis.call('HSET', j, 'id', job.id, 'created_ms', now, 'calls', job.calls, 'state', 'queued', 'sequence', 0, unpack(flat))
  if #job.dependants > 0 then redis.call('HSET', j, 'dependants', cjson.encode(job.dependants)) end
  for _, need in ipairs(job.needs) do
    if new[need] then redis.call('SADD', P .. 'needs:' .. job.id, need) else await(job, need) end
  end
  if #job.needs > 0 and redis.call('SCARD', P .. 'needs:' .. job.id) == 0 then complete[#complete + 1] = job end
  if job.fields.inputs then hold_assets(cjson.decode(job.fields.inputs), job.fields.tenant) end
  for _, name in ipairs({'start_by_ms', 'finish_by_ms'}) do
    local by = tonumber(job.fields[name] or '0') or 0
    if by > 0 then redis.call('ZADD', P .. 'deadlines', 'LT', by, job.id) end
  end
  local hold_until = job.hold_until_ms or 0
  local shares = #job.needs == 0 and (job.fields.content or job.fields.cache) and hold_until <= now
  if shares then complete[#complete + 1] = job end
  for _, call in ipairs(calls_of(job.id)) do
    local state, reason = 'parked', ''
    if #job.needs > 0 then state, reason = 'snoozed', 'dependency'
    elseif hold_until > now then state, reason = 'snoozed', 'not_before'
    elseif shares then state = 'snoozed' end
    redis.call('HSET', call_key(call), 'id', call, 'job', job.id, 'state', state, 'reason', reason, 'fence', 0, 'attempts', 0,
      'snoozes', 0, 'unknowns', 0, 'crashes', 0, 'changed_ms', now)
    if state == 'parked' then park(call, job.id)
    elseif reason == 'not_before' then redis.call('ZADD', P .. 'snoozed', hold_until, call) end
  end
  redis.call('SADD', P .. 'queued:' .. job.fields.tenant, job.id)
  redis.call('SADD', P .. 'known_lanes', job.fields.lane)
  redis.call('ZADD', P .. 'jobs', now, job.id)
  redis.call('ZADD', P .. 'jobs:' .. job.fields.tenant, now, job.id)
  touch(job.id, 'job.accepted', {})
end
for _, job in ipairs(complete) do
  if job.doomed then cancel_job(job.id, 'dependency') else begin_job(job.id) end
end
return {'accepted', first, unpack(retired)}
