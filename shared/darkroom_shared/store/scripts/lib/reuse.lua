-- Equal jobs of one tenant share one result: while the first of them (the leader) is under way the others follow it, later ones take over
-- what it made. Decided where a job's calls would be parked for the first time, so that what is reused takes no quota.
-- content       field of a job that may share: a hash of everything that decides about its result but the pictures of the steps before it
-- content_refs  JSON [[job, number of the output], ...]: those pictures
-- cache         `no-cache`: it is made anew, and others may take it over; `only-if-cached`: it ends if nothing is there

-- Under what the result is known; nil for a job that shares nothing.
local function reuse_key(job)
  local content, refs, tenant = unpack(redis.call('HMGET', job_key(job), 'content', 'content_refs', 'tenant'))
  if not content then return nil end
  local parts = {content}
  for _, ref in ipairs(cjson.decode(refs or '[]')) do
    local row = cjson.decode(field(job_key(ref[1]), 'outputs') or '[]')[ref[2] + 1]
    parts[#parts + 1] = row and row.sha256 or ''
  end
  parts[#parts + 1] = tenant_of(tenant).guardrail or '' -- it may have changed since
  return P .. 'reuse:' .. tenant .. ':' .. redis.sha1hex(table.concat(parts, ':'))
end

-- Ends a job with the results of another one.
local function deliver(job, leader)
  local outputs, images, answer = unpack(redis.call('HMGET', job_key(leader), 'outputs', 'images', 'answer'))
  for _, output in ipairs(cjson.decode(outputs)) do hold_assets({output.sha256}) end
  redis.call('HSET', job_key(job), 'outputs', outputs, 'images', images, 'reused_from', leader)
  if answer then redis.call('HSET', job_key(job), 'answer', answer) end
  for _, call in ipairs(calls_of(job)) do
    if allowed('reuse', field(call_key(call), 'state')) then set_state(call, 'reuse') end
  end
  touch(job, 'job.reused', {from = leader})
end

local function follow(job, leader)
  redis.call('RPUSH', P .. 'followers:' .. leader, job)
  for _, call in ipairs(calls_of(job)) do redis.call('HSET', call_key(call), 'reason', 'coalesced') end
  touch(job, 'job.coalesced', {with = leader})
end

-- Whether a job's result comes from elsewhere (or it may not be made at all): then nothing is left to do for it here.
local function take_over(job)
  local j, key = job_key(job), reuse_key(job)
  local cache = field(j, 'cache')
  local leader = key and cache ~= 'no-cache' and redis.call('GET', key) or nil
  local state = leader and field(job_key(leader), 'state')
  if state == 'succeeded' then
    deliver(job, leader)
    return true
  end
  if state and not life.terminal_states[state] then
    follow(job, leader)
    return true
  end
  if cache == 'only-if-cached' then
    cancel_job(job, 'not_cached')
    return true
  end
  if key then
    redis.call('SET', key, job)
    redis.call('HSET', j, 'reuse_key', key)
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

-- A job under whose key others may wait has ended, or is not that job any more: they get its results, or the first of them leads.
stop_leading = function(job, state)
  local key = field(job_key(job), 'reuse_key')
  if not key then return end
  local followers = redis.call('LRANGE', P .. 'followers:' .. job, 0, -1)
  redis.call('DEL', P .. 'followers:' .. job)
  local led = redis.call('GET', key) == job
  if state ~= 'succeeded' then redis.call('HDEL', job_key(job), 'reuse_key') end
  local next_leader
  for _, other in ipairs(followers) do
    local its_state = field(job_key(other), 'state')
    if its_state and not life.terminal_states[its_state] then
      if state == 'succeeded' then deliver(other, job)
      elseif next_leader then follow(other, next_leader)
      else
        next_leader = other
        redis.call('HSET', job_key(other), 'reuse_key', key)
        if led then redis.call('SET', key, other) end
        release(other)
      end
    end
  end
  if led and state ~= 'succeeded' and not next_leader then redis.call('DEL', key) end
end
