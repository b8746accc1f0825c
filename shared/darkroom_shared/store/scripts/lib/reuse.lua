-- Equal jobs of one tenant share one result: while the first of them (the leader) is under way the others follow it, later ones take over
-- what it made. Decided where a job's calls would be parked for the first time, so that what is reused takes no quota.
-- content       field of a job that may share: a hash of everything that decides about its result but the pictures of the steps before it
-- content_refs  JSON [[job, number of the output], ...]: those pictures
-- cache         `no-cache`: it is made anew, and others may take it over; `only-if-cached`: it ends if nothing is there
-- bypass        why a job looks for no equal one; said at submit, or here
-- reuse         what came of looking: `hit`, `coalesced` (it waited for the result, or does) or `miss`
-- follows       of a job that waits for a leader: which; reuse_key: of a leader, under what it is known

-- Under what the result is known; nil for a job that shares nothing, and why.
local function reuse_key(job)
  local content, refs, tenant, kind, named = unpack(redis.call('HMGET', job_key(job), 'content', 'content_refs', 'tenant', 'kind', 'guardrail'))
  if not content then return nil end
  local parts = {content}
  for _, ref in ipairs(cjson.decode(refs or '[]')) do
    local row = cjson.decode(field(job_key(ref[1]), 'outputs') or '[]')[ref[2] + 1]
    parts[#parts + 1] = row and row.sha256 or ''
  end
  if kind ~= 'local' then
    -- The tenant's and the workers' may have changed since: what passed the ones before is not known to pass these.
    local its, usual = tenant_of(tenant).guardrail or '', redis.call('GET', P .. 'guardrail') or ''
    local sent = named or (its ~= '' and its) or string.match(usual, '^%S*')
    if string.find(sent, ':DRAFT$') then return nil, 'guardrail_draft' end -- that may become another at any time
    parts[#parts + 1], parts[#parts + 2] = its, usual
  end
  return P .. 'reuse:' .. tenant .. ':' .. redis.sha1hex(table.concat(parts, ':'))
end

-- Whether a job has ended with all that it was asked for. A cancel that came too late keeps no paid picture from others.
local function has_all(job)
  local state, images, wanted = unpack(redis.call('HMGET', job_key(job), 'state', 'images', 'images_wanted'))
  if state == 'succeeded' then return true end
  return state == 'canceled' and tonumber(images or '0') > 0 and tonumber(images) >= tonumber(wanted or '1')
end

local function is_open(job)
  local state = field(job_key(job), 'state')
  return state ~= nil and not life.terminal_states[state]
end

-- Whether equal jobs may have a job's result, now or when it ends.
local function is_of_use(job)
  return has_all(job) or (is_open(job) and not field(job_key(job), 'cancel_discard'))
end

-- Whether others wait for a job's result.
local function is_awaited(job)
  for _, other in ipairs(redis.call('LRANGE', P .. 'followers:' .. job, 0, -1)) do
    if is_open(other) then return true end
  end
  return false
end

-- What is said of a result counts for everybody who has it.
local function warn_too(j, warnings)
  local list, known = cjson.decode(field(j, 'warnings') or '[]'), {}
  for _, text in ipairs(list) do known[text] = true end
  for _, text in ipairs(cjson.decode(warnings)) do
    if not known[text] then list[#list + 1] = text end
  end
  redis.call('HSET', j, 'warnings', cjson.encode(list))
end

-- Ends a job with the results of another one.
local function deliver(job, leader)
  local j = job_key(job)
  local outputs, images, answer, warnings, saved, unpriced =
    unpack(redis.call('HMGET', job_key(leader), 'outputs', 'images', 'answer', 'warnings', 'actual_microusd', 'actual_unpriced'))
  for _, output in ipairs(cjson.decode(outputs)) do hold_assets({output.sha256}, field(j, 'tenant')) end
  redis.call('HSET', j, 'outputs', outputs, 'images', images, 'reused_from', leader, 'reuse', redis.call('HDEL', j, 'follows') == 1 and 'coalesced' or 'hit',
    'saved_microusd', saved or '0', 'saved_unpriced', unpriced or '0')
  if answer then redis.call('HSET', j, 'answer', answer) end
  if warnings then warn_too(j, warnings) end
  for _, call in ipairs(calls_of(job)) do
    if allowed('reuse', field(call_key(call), 'state')) then set_state(call, 'reuse') end
  end
  touch(job, 'job.reused', {from = leader})
end

-- A leader goes as early as the most urgent of those who wait for it: an urgent job must not stand behind its equal in bulk.
local function hurry(leader, job)
  local rank = {interactive = 1, standard = 2, bulk = 3}
  local l = job_key(leader)
  local class, by = unpack(redis.call('HMGET', l, 'class', 'urgent_by_ms'))
  local its_class, start_by, finish_by = unpack(redis.call('HMGET', job_key(job), 'class', 'start_by_ms', 'finish_by_ms'))
  local its_by = math.min(tonumber(start_by or math.huge), tonumber(finish_by or math.huge))
  local sooner, earlier = (rank[its_class] or 2) < (rank[class] or 2), its_by < tonumber(by or math.huge)
  if not sooner and not earlier then return end
  local waiting = {}
  for _, call in ipairs(calls_of(leader)) do
    local state, receipt = unpack(redis.call('HMGET', call_key(call), 'state', 'receipt'))
    if state == 'parked' and not receipt then
      unpark(call, leader)
      waiting[#waiting + 1] = call
    end
  end
  if sooner then redis.call('HSET', l, 'class', its_class) end
  if earlier then redis.call('HSET', l, 'urgent_by_ms', whole(its_by)) end
  for _, call in ipairs(waiting) do park(call, leader) end
  if sooner then append(leader, 'job.hurried', {class = its_class, ['for'] = job}) end
end

-- A job whose leader has started has started, too: from then on only its end has a deadline. Returns whether that is so.
local function starts_with(job, leader)
  local started = field(job_key(leader), 'started_ms')
  if not started then return false end
  local j = job_key(job)
  local finish_by = number(j, 'finish_by_ms')
  redis.call('HSETNX', j, 'started_ms', started)
  redis.call('ZREM', P .. 'deadlines', job)
  if finish_by > 0 then redis.call('ZADD', P .. 'deadlines', finish_by, job) end
  return finish_by == 0 or finish_by > now
end

local function follow(job, leader)
  redis.call('RPUSH', P .. 'followers:' .. leader, job)
  for _, call in ipairs(calls_of(job)) do redis.call('HSET', call_key(call), 'reason', 'coalesced') end
  redis.call('HSET', job_key(job), 'reuse', 'coalesced', 'follows', leader)
  hurry(leader, job)
  starts_with(job, leader)
  touch(job, 'job.coalesced', {with = leader})
end

-- Whether a job's result comes from elsewhere (or it may not be made at all): then nothing is left to do for it here.
local function take_over(job)
  local j = job_key(job)
  local key, why = reuse_key(job)
  local cache, replays = unpack(redis.call('HMGET', j, 'cache', 'replays'))
  if key and replays then why = 'replay' elseif key and cache == 'no-cache' then why = 'no_cache' end
  local known = key and redis.call('GET', key)
  if known and not is_of_use(known) then known = nil end
  if known and not why then
    if has_all(known) then deliver(job, known) else follow(job, known) end
    return true
  end
  if why then redis.call('HSET', j, 'bypass', why) elseif key then redis.call('HSET', j, 'reuse', 'miss') end
  if cache == 'only-if-cached' then
    cancel_job(job, 'not_cached')
    return true
  end
  if key then
    redis.call('HSET', j, 'reuse_key', key)
    -- One that is made anew beside another takes the key only when it has a result: it may fail.
    if not known then redis.call('SET', key, job) end
  end
  return false
end

-- All calls of a job wait for their turn from now on.
local function release(job)
  for _, call in ipairs(calls_of(job)) do
    if field(call_key(call), 'state') == 'snoozed' then
      set_state(call, 'park')
      redis.call('HSET', call_key(call), 'reason', '')
      park(call, job)
    end
  end
  local state, reason = unpack(redis.call('HMGET', job_key(job), 'state', 'reason'))
  if state ~= 'queued' or reason ~= '' then touch(job, 'call.park', {}) end -- one that was just accepted shows as that already
end

-- The first that may be called leads on, and the others follow that one. Those that may not be called end if none is left that may.
local function lead_on(followers, key)
  local leader
  for _, job in ipairs(followers) do
    if not leader and field(job_key(job), 'cache') ~= 'only-if-cached' then leader = job end
  end
  if leader then
    redis.call('HSET', job_key(leader), 'reuse_key', key, 'reuse', 'miss')
    redis.call('HDEL', job_key(leader), 'follows')
    redis.call('SET', key, leader)
    release(leader)
  else redis.call('DEL', key) end
  for _, job in ipairs(followers) do
    if not leader then
      redis.call('HSET', job_key(job), 'reuse', 'miss')
      redis.call('HDEL', job_key(job), 'follows')
      cancel_job(job, 'not_cached')
    elseif job ~= leader then follow(job, leader) end
  end
end

-- A job under whose key others may wait has ended, or is not that job any more: they get its results, or those of another one that was
-- made anew meanwhile, or the first of them leads.
stop_leading = function(job)
  local key = field(job_key(job), 'reuse_key')
  if not key then return end
  local followers = {}
  for _, other in ipairs(redis.call('LRANGE', P .. 'followers:' .. job, 0, -1)) do
    if is_open(other) then followers[#followers + 1] = other end
  end
  redis.call('DEL', P .. 'followers:' .. job)
  if has_all(job) then
    redis.call('SET', key, job)
    for _, other in ipairs(followers) do deliver(other, job) end
    return
  end
  redis.call('HDEL', job_key(job), 'reuse_key')
  local known = redis.call('GET', key)
  if not known or known == job or not is_of_use(known) then return lead_on(followers, key) end
  for _, other in ipairs(followers) do
    if has_all(known) then deliver(other, known) else follow(other, known) end
  end
end
