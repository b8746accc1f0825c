-- Repairs what crashes leave behind. Any number of workers may run it at once.
-- args.republish_ms, args.crash_budget, args.most
-- args.gap_ms, args.lease_ms  if nobody has looked for gap_ms, the ledger itself was away: leases that ran out meanwhile say nothing about
--                             their workers, which get one more lease to renew them
-- Returns JSON {republish = [{call, fence, task}], suspects = [call record], lost, expired}. Suspects: paid calls whose worker was lost while
-- they were out. Whether their answer is in the store this script cannot know: the caller looks, then `recover`s or `doubt`s them.
local republish, suspects, lost, expired = {}, {}, 0, 0

-- Calls that the first version parked, in lists without a choice of pools: they move to those of today.
if redis.call('EXISTS', P .. 'lanes') == 1 then
  for _, lane in ipairs(redis.call('SMEMBERS', P .. 'lanes')) do
    for _, class in ipairs({'interactive', 'standard', 'bulk'}) do
      local turn = P .. 'turn:' .. lane .. ':' .. class
      for _, tenant in ipairs(redis.call('ZRANGE', turn, 0, -1)) do
        local list = P .. 'park:' .. lane .. ':' .. class .. ':' .. tenant
        for _, call in ipairs(redis.call('ZRANGE', list, 0, -1)) do park(call, job_of(call)) end
        redis.call('DEL', list)
      end
      redis.call('DEL', turn)
    end
  end
  redis.call('DEL', P .. 'lanes', P .. 'inflight')
  redis.call('PUBLISH', P .. 'wake', 0)
end

-- A queue that nobody reads any more, while others serve the lane: its calls are let go anew, for those.
local queues, serving = live_queues()
for _, queue in ipairs(redis.call('SMEMBERS', P .. 'queues')) do
  if not queues[queue] then
    local left = redis.call('SMEMBERS', P .. 'pending:' .. queue)
    for _, call in ipairs(left) do
      local job = job_of(call)
      if (serving['*'] or serving[field(job_key(job), 'lane')]) and allowed('park', field(call_key(call), 'state') or 'gone') then
        leave_indexes(call)
        set_state(call, 'park')
        redis.call('HSET', call_key(call), 'reason', 'worker_left')
        park(call, job)
        touch(job, 'call.park', {call = call, reason = 'worker_left'})
        lost = lost + 1
      end
    end
    if #left == 0 then redis.call('SREM', P .. 'queues', queue) end
  end
end

for _, call in ipairs(redis.call('ZRANGEBYSCORE', P .. 'unclaimed', '-inf', now, 'LIMIT', 0, args.most)) do
  if field(call_key(call), 'state') == 'admitted' then
    -- Its message may only stand in a long queue: each repeat waits twice as long, or a backlog would be made of repeats.
    local repeats = redis.call('HINCRBY', call_key(call), 'repeats', 1)
    redis.call('ZADD', P .. 'unclaimed', whole(now + args.republish_ms * 2 ^ math.min(repeats, 5)), call)
    republish[#republish + 1] = {call = call, fence = number(call_key(call), 'fence'), task = field(job_key(job_of(call)), 'task_name'),
      queue = field(call_key(call), 'queue')}
  else
    redis.call('ZREM', P .. 'unclaimed', call)
  end
end

local function crashed(call)
  local crashes = redis.call('HINCRBY', call_key(call), 'crashes', 1)
  local job = job_of(call)
  if crashes >= args.crash_budget then
    redis.call('HSET', job_key(job), 'reason_hint', 'worker_lost')
    finish_call(call, 'quarantine', {call = call, failure = {code = 'worker_lost', message = 'Its worker was lost over it ' .. crashes .. ' times.'}})
    return
  end
  if field(job_key(job), 'cancel_ms') and not field(call_key(call), 'receipt') then
    finish_call(call, 'cancel', {call = call, reason = field(job_key(job), 'cancel_reason')})
    return
  end
  leave_indexes(call)
  set_state(call, 'park')
  redis.call('HSET', call_key(call), 'reason', 'worker_lost')
  park(call, job)
  touch(job, 'call.park', {call = call, reason = 'worker_lost'})
end

local looked_ms = tonumber(redis.call('GET', P .. 'reconciled_ms') or '0') or 0
if looked_ms > 0 and now - looked_ms > args.gap_ms then redis.call('SET', P .. 'grace', 1, 'PX', whole(args.lease_ms)) end
local over = redis.call('EXISTS', P .. 'grace') == 0 and redis.call('ZRANGEBYSCORE', P .. 'leases', '-inf', now, 'LIMIT', 0, args.most) or {}
for _, call in ipairs(over) do
  local c = call_key(call)
  local state = field(c, 'state')
  if state == 'calling' and field(job_key(job_of(call)), 'kind') == 'local' then -- free: only the crashes are counted
    lost = lost + 1
    local retry = redis.call('HINCRBY', c, 'crashes', 1) < args.crash_budget
    doubt_call(call, {code = 'worker_lost', message = 'The worker was lost during the step.', kind = 'unknown', billed = false},
      retry and 'retry' or 'fail')
  elseif state == 'calling' then
    local suspect = record(c)
    suspect.on_unknown = field(job_key(job_of(call)), 'on_unknown')
    suspects[#suspects + 1] = suspect
  elseif state == 'claimed' or state == 'responded' then
    lost = lost + 1
    crashed(call)
  else
    redis.call('ZREM', P .. 'leases', call)
  end
end

for _, job in ipairs(redis.call('ZRANGEBYSCORE', P .. 'deadlines', '-inf', now, 'LIMIT', 0, args.most)) do
  redis.call('ZREM', P .. 'deadlines', job)
  local leader = field(job_key(job), 'follows')
  local goes_on = leader and starts_with(job, leader)
  for _, call in ipairs(calls_of(job)) do
    local state = field(call_key(call), 'state')
    if not goes_on and (state == 'parked' or state == 'snoozed' or state == 'admitted') and not field(call_key(call), 'receipt') then
      expired = expired + 1
      finish_call(call, 'expire', {call = call})
    end
  end
end
-- Gates at which nobody has decided in time.
for _, job in ipairs(redis.call('ZRANGEBYSCORE', P .. 'gates', '-inf', now, 'LIMIT', 0, args.most)) do
  redis.call('ZREM', P .. 'gates', job)
  local call = job .. '.0'
  if field(call_key(call), 'state') == 'snoozed' and field(call_key(call), 'reason') == 'approval' then
    expired = expired + 1
    local rows = field(job_key(job), 'on_timeout') == 'approve' and shown_at(job) or {}
    if #rows > 0 then decide(job, rows, {approved = true, by = 'timeout', at_ms = now, shown = #rows})
    else finish_call(call, 'expire', {call = call}) end
  end
end
if lost + expired > 0 then redis.call('PUBLISH', P .. 'wake', 0) end
redis.call('SET', P .. 'reconciled_ms', now)
return cjson.encode({republish = republish, suspects = suspects, lost = lost, expired = expired})
