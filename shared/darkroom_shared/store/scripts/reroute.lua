-- Puts a job whose model turned out retired on another way, and its waiting calls with it: all or nothing.
-- args.call, args.fence  the call in whose hands it turned out; it waits again, and an attempt that was refused is given back
-- args.model    the model that is retired: where the job is on another way by now, only this call follows it
-- args.failure  the refusal; left out where nothing was called
-- args.fields   {name = text} of the job's new way; names of a way that are left out are not set any more
-- args.names    all names of a way
-- args.calls    how many calls the job has now, at least as many as before
-- args.pools    list of {lane, pool, ...}, as for `accept`
-- Returns 1, or 0 if the lease is lost.
local call, job = args.call, job_of(args.call)
local c, j = call_key(call), job_key(job)
if closed(call, args.fence, 'reroute') then return 1 end
if not held(call, args.fence, 'snooze') or field(c, 'receipt') then return 0 end -- an answer that is stored is adopted
close(call, args.fence, 'reroute')
if args.failure then
  end_attempt(call, {outcome = args.failure.code, billed = args.failure.billed, failure = args.failure, request_id = args.failure.request_id})
  if field(c, 'state') == 'calling' then
    redis.call('HINCRBY', c, 'snoozes', 1)
    local key, n = P .. 'attempts:' .. call, field(c, 'attempts')
    local kept = n and redis.call('HGET', key, n)
    if kept then -- as for a refusal by the quota
      redis.call('HDEL', key, n)
      redis.call('HSET', key, 'snooze-' .. field(c, 'snoozes'), kept)
      redis.call('HINCRBY', c, 'attempts', -1)
    end
  end
  pool_failed(call, args.fence, args.failure)
end
leave_indexes(call)
set_state(call, 'snooze')
if field(j, 'cancel_ms') then
  finish_call(call, 'cancel', {call = call, reason = field(j, 'cancel_reason')})
  return 1
end

-- What a call may still be answered under: an answer that turns up late is read as it was asked for, by the fence of its attempt.
local function remember_way(one)
  local fields, before = {}, cjson.decode(field(call_key(one), 'ways') or '[]')
  for _, name in ipairs(args.names) do fields[name] = field(j, name) end
  before[#before + 1] = {fence = number(call_key(one), 'fence'), fields = fields}
  redis.call('HSET', call_key(one), 'ways', cjson.encode(before))
end

local function wait_again(one)
  set_state(one, 'park')
  redis.call('HSET', call_key(one), 'reason', 'model_retired')
end

if field(j, 'model') == args.model then
  local waiting, old = {call}, number(j, 'calls')
  for _, one in ipairs(calls_of(job)) do
    local state, key = field(call_key(one), 'state'), call_key(one)
    if life.open_states[state] then
      if number(key, 'fence') > 0 then remember_way(one) end
      if one ~= call and (state == 'parked' or state == 'admitted') and not field(key, 'receipt') then
        unpark(one, job)
        if state == 'admitted' then -- its message is outdated now
          leave_indexes(one)
          wait_again(one)
          append(job, 'call.park', {call = one, reason = 'model_retired'})
        end
        waiting[#waiting + 1] = one
      end
    end
  end
  -- Another model's result is not what its equals asked for.
  stop_leading(job)
  if redis.call('HDEL', j, 'content', 'content_refs') > 0 then redis.call('HSET', j, 'bypass', 'rerouted') end
  for _, name in ipairs(args.names) do
    if not args.fields[name] then redis.call('HDEL', j, name) end
  end
  for name, value in pairs(args.fields) do redis.call('HSET', j, name, value) end
  for _, entry in ipairs(args.pools) do
    if now - number(P .. 'pool:' .. entry.pool, 'told_ms') > 60000 then set_pool(entry) end
  end
  redis.call('SADD', P .. 'known_lanes', args.fields.lane)
  for n = old, args.calls - 1 do
    local one = job .. '.' .. n
    redis.call('HSET', call_key(one), 'id', one, 'job', job, 'fence', 0, 'attempts', 0, 'snoozes', 0, 'unknowns', 0, 'crashes', 0)
    wait_again(one)
    waiting[#waiting + 1] = one
  end
  if args.calls > old then redis.call('HSET', j, 'calls', args.calls) end
  wait_again(call)
  for _, one in ipairs(waiting) do park(one, job) end
else -- it was in this worker's hands when the job was put on another way, and its own is remembered since then
  wait_again(call)
  park(call, job)
end
touch(job, 'call.reroute', {call = call, from = args.model, to = field(j, 'model'), failure = args.failure})
redis.call('PUBLISH', P .. 'wake', 0)
return 1
