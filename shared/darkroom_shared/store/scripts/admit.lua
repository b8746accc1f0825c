-- Lets calls go: as many as rate tokens and free worker slots allow. Any process may run it at any time.
-- args.most               how many calls at most
-- args.classes            classes, most urgent first
-- args.republish_ms       an admitted call that nobody claimed in this time is published again
-- Returns JSON {admitted = [{call, fence, task}], next_ms, reason}. `next_ms`: milliseconds until it is worth asking again, -1 if only
-- an event (a submit, a finished call, a worker) can change anything; `reason` says what holds the rest back.
local admitted = {}
local next_us, reason = nil, 'idle'

local function wait_for(at_us, why)
  if not next_us or at_us < next_us then next_us, reason = at_us, why end
end

-- Snoozes that are over go back to their lists first.
for _, call in ipairs(redis.call('ZRANGEBYSCORE', P .. 'snoozed', '-inf', now, 'LIMIT', 0, 200)) do
  redis.call('ZREM', P .. 'snoozed', call)
  if allowed('park', field(call_key(call), 'state') or 'gone') then
    set_state(call, 'park')
    redis.call('HSET', call_key(call), 'reason', '')
    park(call, job_of(call))
    touch(job_of(call), 'call.park', {call = call})
  end
end
local first_snooze = redis.call('ZRANGE', P .. 'snoozed', 0, 0, 'WITHSCORES')
if first_snooze[2] then wait_for(tonumber(first_snooze[2]) * 1000, 'snoozed') end

redis.call('ZREMRANGEBYSCORE', P .. 'workers', '-inf', now)
local slots = -redis.call('ZCARD', P .. 'inflight')
local live = redis.call('ZRANGE', P .. 'workers', 0, -1)
for _, worker in ipairs(live) do slots = slots + number(P .. 'worker:' .. worker, 'slots') end

-- The pool of the lane that may go now, or nil and the time when one may. A lane without pools is free.
local function free_pool(pools)
  local best_us
  for _, pool in ipairs(pools) do
    local key = P .. 'pool:' .. pool
    local at_us = math.max(number(key, 'tat_us'), number(key, 'held_until_us'))
    if at_us <= now_us then return pool end
    if not best_us or at_us < best_us then best_us = at_us end
  end
  return nil, best_us
end

-- GCRA with burst 1. A wake-up that came less than a quarter interval late keeps the old rhythm, so lateness costs no rate.
local function take_token(pool)
  local key = P .. 'pool:' .. pool
  local interval, tat = number(key, 'interval_us'), number(key, 'tat_us')
  if interval == 0 then return end
  local from = now_us
  if now_us - tat < interval / 4 and number(key, 'held_until_us') <= tat then from = tat end
  redis.call('HSET', key, 'tat_us', whole(from + interval))
end

-- The next call of a lane: class, then the tenant with the smallest virtual time, then the earliest deadline.
local function next_call(lane)
  for _, class in ipairs(args.classes) do
    local turn = P .. 'turn:' .. lane .. ':' .. class
    while true do
      local head = redis.call('ZRANGE', turn, 0, 0, 'WITHSCORES')
      if not head[1] then break end
      local tenant, start = head[1], tonumber(head[2])
      local list = P .. 'park:' .. lane .. ':' .. class .. ':' .. tenant
      local call = redis.call('ZRANGE', list, 0, 0)[1]
      if call then return call, class, tenant, start, list, turn end
      redis.call('ZREM', turn, tenant)
    end
  end
end

local function let_go(call, job, pool)
  local fence = redis.call('HINCRBY', call_key(call), 'fence', 1)
  set_state(call, 'admit')
  redis.call('HSET', call_key(call), 'pool', pool or '', 'admitted_ms', now, 'repeats', 0)
  redis.call('ZADD', P .. 'inflight', now, call)
  redis.call('ZADD', P .. 'unclaimed', now + args.republish_ms, call)
  slots = slots - 1
  touch(job, 'call.admit', {call = call, fence = fence, pool = pool})
  admitted[#admitted + 1] = {call = call, fence = fence, task = field(job_key(job), 'task_name')}
end

local function admit(lane, pool)
  local call, class, tenant, start, list, turn = next_call(lane)
  local job = job_of(call)
  redis.call('ZREM', list, call)
  local start_by = number(job_key(job), 'start_by_ms')
  local finish_by = number(job_key(job), 'finish_by_ms')
  local too_late = start_by > 0 and start_by <= now and not field(job_key(job), 'started_ms')
  if too_late or (finish_by > 0 and finish_by <= now) then
    finish_call(call, 'expire', {call = call}) -- costs no token
    return
  end
  redis.call('HSET', P .. 'lane:' .. lane, 'virtual:' .. class, start)
  redis.call('ZADD', turn, start + 1, tenant)
  if pool then take_token(pool) end
  let_go(call, job, pool)
end

-- Answers that are paid and stored come first: they need no token and are never too late, only a worker.
for _, call in ipairs(redis.call('ZRANGE', P .. 'owed', 0, args.most - 1)) do
  if #live == 0 then reason = 'no_worker'; break end
  if slots <= 0 then reason = 'no_free_slot'; break end
  redis.call('ZREM', P .. 'owed', call)
  let_go(call, job_of(call))
end

-- One call a lane and round, so that no lane takes all the slots.
local more = true
local lanes = redis.call('SMEMBERS', P .. 'lanes')
table.sort(lanes)
while more and #admitted < args.most do
  more = false
  for _, lane in ipairs(lanes) do
    if #admitted >= args.most then break end
    if not next_call(lane) then
      redis.call('SREM', P .. 'lanes', lane)
    elseif #live == 0 then reason = 'no_worker'
    elseif slots <= 0 then reason = 'no_free_slot'
    else
      local pools = redis.call('SMEMBERS', P .. 'pools:' .. lane)
      table.sort(pools)
      local pool, at_us = free_pool(pools)
      if pool or #pools == 0 then
        admit(lane, pool)
        more = true
      else wait_for(at_us, 'rate') end
    end
  end
end
if #admitted >= args.most then wait_for(now_us, 'more') end
local next_ms = -1
-- A day at most: nobody sleeps longer than that, and Lua's JSON writes large numbers with an exponent.
if next_us then next_ms = math.min(86400000, math.max(0, math.ceil((next_us - now_us) / 1000))) end

-- Somebody must be awake at that time: tell the loops if it is earlier than what they know.
if next_us then
  local known = tonumber(redis.call('GET', P .. 'wake_at_us') or '0') or 0
  if known <= now_us or next_us < known then
    redis.call('SET', P .. 'wake_at_us', whole(next_us), 'PX', math.max(next_ms, 1))
    redis.call('PUBLISH', P .. 'wake', next_ms)
  end
end
return cjson.encode({admitted = admitted, next_ms = next_ms, reason = reason})
