-- What the states of a job's calls make of the job, of which `calls` and `cancel_ms` are read already. `call`, if given, is known to be in
-- `its_state`, which shows no reason. Returns state, reason.
local function job_outcome(job, calls, cancel_ms, call, its_state)
  local j = job_key(job)
  local seen, open, snooze = {}, nil, nil
  for n = 0, calls - 1 do
    local name, state, why = job .. '.' .. n, its_state, nil
    if name ~= call then state, why = unpack(redis.call('HMGET', call_key(name), 'state', 'reason')) end
    seen[state] = (seen[state] or 0) + 1
    local shows = life.open_states[state]
    if shows == 'running' then open = 'running'
    elseif shows and not open then open = shows end
    if state == 'snoozed' or state == 'unknown' then snooze = why or nil end
  end
  if open and cancel_ms then return 'canceling', field(j, 'cancel_reason') or 'user' end
  if open == 'running' then return 'running', seen.unknown and snooze or '' end
  if open then
    if snooze == 'dependency' or snooze == 'approval' then return 'waiting', snooze end
    if snooze == 'not_before' then return 'scheduled', 'not_before' end
    return 'queued', snooze or ''
  end
  local images, wanted = number(j, 'images'), number(j, 'images_wanted')
  if seen.canceled or cancel_ms then return 'canceled', field(j, 'cancel_reason') or 'user' end
  if images >= wanted and images > 0 then return 'succeeded', '' end
  if images > 0 then return 'partial', field(j, 'reason_hint') or 'filtered' end
  if seen.failed or seen.quarantined then return 'failed', field(j, 'reason_hint') or 'failed' end
  if seen.expired and field(j, 'reason_hint') ~= 'check_failed' then return 'expired', 'deadline' end -- else it was paid, and is no good
  return 'rejected', field(j, 'reason_hint') or 'content_filter'
end

-- Job states that count as queued: nothing of the job has started.
local QUEUED = {scheduled = true, waiting = true, queued = true}

-- Appends the one event of a transition: to the job's own events, whose ids are its sequence, so that a reader sees every gap, and to the
-- feed of all jobs, which one reader follows for everybody who watches. The feed is bounded: who comes back too late reads the jobs anew.
local function append(job, kind, data, sequence)
  local j = job_key(job)
  sequence = sequence or redis.call('HINCRBY', j, 'sequence', 1)
  data.at_ms = now
  local text = cjson.encode(data)
  redis.call('XADD', P .. 'events:' .. job, 'MAXLEN', '~', 1000, sequence .. '-0', 'type', kind, 'data', text)
  local tenant, workflow, step = unpack(redis.call('HMGET', j, 'tenant', 'workflow', 'step'))
  redis.call('XADD', P .. 'feed', 'MAXLEN', '~', 20000, '*', 'job', job, 'tenant', tenant or '', 'workflow', workflow or '',
    'step', step or '', 'sequence', sequence, 'type', kind, 'data', text)
end

local cancel_job, free_dependants, hold_needed, stop_leading, leave_batch

-- One job less of its workflow is open.
local function leave_workflow(job)
  local workflow = field(job_key(job), 'workflow')
  local w = workflow and P .. 'workflow:' .. workflow
  if w and redis.call('HEXISTS', w, 'open') == 1 and redis.call('HINCRBY', w, 'open', -1) == 0 then
    redis.call('HSET', w, 'finished_ms', now)
    notify(field(job_key(job), 'tenant'), 'workflow.finished', workflow)
  end
end

-- What `touch` has to know of a job, and more fields of it for whoever asks.
local function known_of(job, ...)
  return redis.call('HMGET', job_key(job), 'state', 'calls', 'cancel_ms', 'tenant', 'sequence', 'started_ms', ...)
end

-- Recomputes the job after a change of one of its calls, appends the event, and starts or ends what depends on it. `known`: what it would
-- read of the job, if that has been read; `call` and `its_state`: see `job_outcome`.
local function touch(job, kind, data, known, call, its_state)
  local j = job_key(job)
  known = known or known_of(job)
  local before, sequence = known[1], tonumber(known[5]) + 1
  local state, reason = job_outcome(job, tonumber(known[2]), known[3], call, its_state)
  redis.call('HSET', j, 'state', state, 'reason', reason, 'updated_ms', now_text, 'sequence', sequence)
  if QUEUED[before] ~= QUEUED[state] then
    redis.call(QUEUED[state] and 'SADD' or 'SREM', P .. 'queued:' .. known[4], job)
  end
  data.state, data.reason = state, reason
  data.terminal = life.terminal_states[state] == true
  if state == 'running' and not known[6] then
    redis.call('HSET', j, 'started_ms', now)
    -- In time to start; from here on only the end has a deadline.
    if number(j, 'finish_by_ms') > 0 then redis.call('ZADD', P .. 'deadlines', number(j, 'finish_by_ms'), job)
    else redis.call('ZREM', P .. 'deadlines', job) end
  end
  if data.terminal then
    redis.call('HSET', j, 'finished_ms', now)
    redis.call('ZREM', P .. 'deadlines', job)
    local keep = number(j, 'retention_ms')
    if state == 'failed' then -- a dead letter waits longer: a person is to look at it
      keep = math.max(keep, number(j, 'dead_retention_ms'))
      redis.call('ZADD', P .. 'dead', now, job)
      hold_needed(job)
    end
    redis.call('HSET', j, 'expires_ms', now + keep)
    redis.call('ZADD', P .. 'retention', now + keep, job)
    redis.call('ZADD', P .. 'untold', now, job)
  end
  append(job, kind, data, sequence)
  if data.terminal and before ~= state then
    notify(known[4], 'job.' .. state, job)
    leave_workflow(job)
    leave_batch(job, state)
    stop_leading(job)
    free_dependants(job, state)
  end
  return state
end

-- The newest attempt of a call, or nil.
local function last_attempt(call)
  local n = field(call_key(call), 'attempts')
  local text = n and redis.call('HGET', P .. 'attempts:' .. call, n)
  return text and cjson.decode(text) or nil, n
end

-- Money spent, or (less than 0) given back: by the day, and by the workflow and the batch that the job is part of.
local function spend(job, day, price)
  redis.call('HINCRBY', P .. 'spend', day, whole(price))
  local workflow, batch = unpack(redis.call('HMGET', job_key(job), 'workflow', 'batch'))
  for _, account in ipairs({workflow and P .. 'workflow:' .. workflow or '', batch and P .. 'batch:' .. batch or ''}) do
    if account ~= '' and redis.call('EXISTS', account) == 1 then redis.call('HINCRBY', account, 'spent_microusd', whole(price)) end
  end
end

-- Counts an attempt's price: as spent where it was billed, as uncertain where nobody can tell; what was not billed is given back to
-- the day's spending. An attempt without a known price is counted by number, so that a sum without it is not taken for the whole.
local function count_price(call, attempt, column, sign)
  local price = tonumber(attempt.price_microusd)
  if price == 0 then return end
  if not price then
    if column ~= 'free' then redis.call('HINCRBY', job_key(job_of(call)), column .. '_unpriced', sign) end
  elseif column == 'free' then
    if attempt.spend_day then spend(job_of(call), attempt.spend_day, -price) end
  else redis.call('HINCRBY', job_key(job_of(call)), column .. '_microusd', whole(sign * price)) end
end

-- Closes the open attempt, if there is one, and counts its price. A failure that does not say whether it was billed is uncertain.
local function end_attempt(call, fields)
  local attempt, n = last_attempt(call)
  if not attempt or attempt.ended_ms then return end
  for name, value in pairs(fields) do attempt[name] = value end
  attempt.ended_ms = now
  local failure = fields.failure
  local unclear = failure and (failure.billed == nil or failure.billed == cjson.null)
  count_price(call, attempt, unclear and 'uncertain' or fields.billed == true and 'actual' or 'free', 1)
  redis.call('HSET', P .. 'attempts:' .. call, n, cjson.encode(attempt))
end

-- The last attempt was counted as billed when its answer came, and nobody can tell whether AWS bills such an answer.
local function doubt_price(call)
  local attempt, n = last_attempt(call)
  if not attempt or attempt.billed ~= true then return end
  attempt.billed = cjson.null
  count_price(call, attempt, 'actual', -1)
  count_price(call, attempt, 'uncertain', 1)
  redis.call('HSET', P .. 'attempts:' .. call, n, cjson.encode(attempt))
end

-- Corrects the last attempt, whose outcome was unknown, by what became known. fields.billed: true, false, or absent for still unknown.
local function correct_attempt(call, fields)
  local attempt, n = last_attempt(call)
  local before = attempt.billed
  for name, value in pairs(fields) do attempt[name] = value end
  if fields.billed ~= nil and fields.billed ~= before then
    if before == false then
      if attempt.spend_day then spend(job_of(call), attempt.spend_day, tonumber(attempt.price_microusd) or 0) end
    else count_price(call, attempt, before == true and 'actual' or 'uncertain', -1) end
    count_price(call, attempt, fields.billed and 'actual' or 'free', 1)
  end
  redis.call('HSET', P .. 'attempts:' .. call, n, cjson.encode(attempt))
end

-- A call that was to make pictures again ends without: those that it had made did not pass their checks.
local function give_up_rerolls(call, job)
  local rows = field(call_key(call), 'todo_rows')
  if not rows then return end
  local j = job_key(job)
  local list = cjson.decode(field(j, 'rejected') or '[]')
  for _, row in ipairs(cjson.decode(rows)) do list[#list + 1] = row end
  redis.call('HSET', j, 'rejected', cjson.encode(list))
  redis.call('HSETNX', j, 'reason_hint', 'check_failed')
  redis.call('HDEL', call_key(call), 'todo_rows')
end

-- Ends one call without images and recomputes its job.
local function finish_call(call, event, data)
  local job = job_of(call)
  give_up_rerolls(call, job)
  unpark(call, job)
  leave_indexes(call)
  set_state(call, event)
  if data.failure then
    redis.call('HSET', call_key(call), 'failure', cjson.encode(data.failure))
    redis.call('HSET', job_key(job), 'failure', cjson.encode(data.failure))
  end
  return touch(job, 'call.' .. event, data)
end

-- Cancels what can still be prevented; the calls under way are left to end. Returns prevented, detached.
cancel_job = function(job, reason)
  local j = job_key(job)
  local prevented, detached = 0, 0
  redis.call('HSETNX', j, 'cancel_ms', now)
  redis.call('HSETNX', j, 'cancel_reason', reason)
  for _, call in ipairs(calls_of(job)) do
    local state = field(call_key(call), 'state')
    if state == 'claimed' then
      prevented = prevented + 1 -- not called yet: its worker finds the mark at the gate
    elseif state == 'calling' and field(j, 'kind') == 'local' then
      prevented = prevented + 1 -- free: its pictures are kept if they come
    elseif state == 'calling' or state == 'responded' or (field(call_key(call), 'receipt') and allowed('cancel', state)) then
      detached = detached + 1 -- paid, or about to be: its images are kept
    elseif allowed('cancel', state) then
      prevented = prevented + 1
      finish_call(call, 'cancel', {call = call, reason = reason})
    end
  end
  return prevented, detached
end

-- Counts the jobs that an asset belongs to, so that retention removes bytes only with the last of them; and those of its tenant, which
-- may read it: that two tenants have the same picture tells neither of the other.
local function hold_assets(names, tenant)
  for _, sha256 in ipairs(names) do
    redis.call('HINCRBY', P .. 'assets', sha256, 1)
    redis.call('HINCRBY', P .. 'assets:' .. tenant, sha256, 1)
    redis.call('ZREM', P .. 'removing', 'asset:' .. sha256)
  end
end

-- A dead letter may be replayed after the steps before it are gone: it holds their pictures like inputs of its own.
hold_needed = function(job)
  local needs = cjson.decode(field(job_key(job), 'needs') or '{}')
  if next(needs) == nil then return end
  local inputs, needed = cjson.decode(field(job_key(job), 'inputs') or '[]'), {}
  for step, from in pairs(needs) do
    local names = {}
    for _, output in ipairs(cjson.decode(field(job_key(from), 'outputs') or '[]')) do
      hold_assets({output.sha256}, field(job_key(job), 'tenant'))
      inputs[#inputs + 1] = output.sha256
      names[#names + 1] = output.sha256
    end
    if #names > 0 then needed[step] = names end -- an empty table would become a JSON object
  end
  if #inputs > 0 then redis.call('HSET', job_key(job), 'inputs', cjson.encode(inputs), 'needed', cjson.encode(needed)) end
end

-- A person has dealt with it: from now on it is kept no longer than any other job.
local function leave_dead_letters(job)
  redis.call('ZREM', P .. 'dead', job)
  redis.call('HSET', job_key(job), 'expires_ms', now + number(job_key(job), 'retention_ms'))
  redis.call('ZADD', P .. 'retention', now + number(job_key(job), 'retention_ms'), job)
end

-- Marks an asset that no job holds for removal; one that is being removed already stays handed out.
local function give_up_asset(sha256)
  if redis.call('HEXISTS', P .. 'assets', sha256) == 1 then return 0 end
  return redis.call('ZADD', P .. 'removing', 'NX', 0, 'asset:' .. sha256)
end

local function release_asset(sha256, tenant)
  for _, counts in ipairs({P .. 'assets', P .. 'assets:' .. tenant}) do
    if redis.call('HINCRBY', counts, sha256, -1) <= 0 then redis.call('HDEL', counts, sha256) end
  end
  give_up_asset(sha256)
end

-- Which of these assets may have been removed since the asker stored them: being removed now, or removed lately. The asker stores those
-- again and asks again, with the time of this answer as `stored_ms`: what was removed before that does not count any more.
local function removed_assets(names, stored_ms)
  local out = {}
  for _, sha256 in ipairs(names) do
    local handed_out = tonumber(redis.call('ZSCORE', P .. 'removing', 'asset:' .. sha256) or '0')
    local removed = tonumber(redis.call('ZSCORE', P .. 'removed', sha256) or '-1')
    if handed_out > 0 or removed >= (stored_ms or 0) then out[#out + 1] = sha256 end
  end
  return out
end

-- The three ways a write of a worker can be late: another fence, another state, or a record that is gone.
local function held(call, fence, event)
  local c = call_key(call)
  local state = field(c, 'state')
  if not state or number(c, 'fence') ~= fence then return false end
  return allowed(event, state)
end

-- The answer of an attempt turned up: under this name it waits for a worker that adopts it. Nothing is paid again.
local function recover_call(call, receipt, request_id)
  local c = call_key(call)
  local known = {outcome = 'answered', billed = true, request_id = request_id, recovered = true}
  local attempt = last_attempt(call)
  if attempt.ended_ms then
    redis.call('HINCRBY', c, 'unknowns', -1)
    known.failure = cjson.null
    correct_attempt(call, known)
  else end_attempt(call, known) end
  unpark(call, job_of(call))
  leave_indexes(call)
  set_state(call, 'recover')
  redis.call('HSET', c, 'receipt', receipt, 'reason', 'recovered')
  park(call, job_of(call))
  touch(job_of(call), 'call.recover', {call = call, request_id = request_id})
  redis.call('PUBLISH', P .. 'wake', 0)
end

-- The request went out and no answer came: count it as possibly billed, then `retry`, `hold` or `fail`.
local function doubt_call(call, failure, after)
  local job = job_of(call)
  local c = call_key(call)
  end_attempt(call, {outcome = 'unknown', failure = failure})
  redis.call('HINCRBY', c, 'unknowns', 1)
  leave_indexes(call)
  set_state(call, 'doubt')
  append(job, 'call.doubt', {call = call, failure = failure})
  if field(job_key(job), 'cancel_ms') then
    finish_call(call, 'cancel', {call = call, reason = field(job_key(job), 'cancel_reason')})
  elseif after == 'hold' then
    redis.call('HSET', c, 'reason', 'unknown_outcome')
    redis.call('ZADD', P .. 'held', now, call)
    touch(job, 'call.hold', {call = call, reason = 'unknown_outcome'})
  elseif after == 'retry' then
    set_state(call, 'park')
    redis.call('HSET', c, 'reason', 'unknown_outcome')
    park(call, job)
    touch(job, 'call.park', {call = call, reason = 'unknown_outcome'})
  else
    redis.call('HSET', job_key(job), 'reason_hint', failure.code, 'failure', cjson.encode(failure))
    finish_call(call, 'fail', {call = call, failure = failure})
  end
end
