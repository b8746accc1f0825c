-- Lets calls go: as many as pools and free worker slots allow. Any process may run it at any time.
-- args.most           how many calls at most
-- args.classes        list of {name, floor}, most urgent first; floor: share of the calls that a class gets at least while it waits
-- args.republish_ms   an admitted call that nobody claimed in this time is published again
-- Returns JSON {admitted = [{call, fence, task, queue}], next_ms, reason}. `next_ms`: milliseconds until it is worth asking again, -1 if
-- only an event (a submit, a finished call, a worker) can change anything; `reason` says what holds the rest back.
local admitted, expired = {}, 0
local next_us, reason = nil, 'idle'

local function wait_for(at_us, why)
  if not at_us then
    if not next_us then reason = why end
  elseif not next_us or at_us < next_us then next_us, reason = at_us, why end
end

-- Snoozes that are over go back to their lists first.
local first_snooze = redis.call('ZRANGE', P .. 'snoozed', 0, 0, 'WITHSCORES')
if first_snooze[2] and tonumber(first_snooze[2]) <= now then
  for _, call in ipairs(redis.call('ZRANGEBYSCORE', P .. 'snoozed', '-inf', now, 'LIMIT', 0, 200)) do
    redis.call('ZREM', P .. 'snoozed', call)
    if allowed('park', field(call_key(call), 'state') or 'gone') then
      set_state(call, 'park')
      park(call, job_of(call))
      redis.call('HSET', call_key(call), 'reason', '')
      touch(job_of(call), 'call.park', {call = call})
    end
  end
  first_snooze = redis.call('ZRANGE', P .. 'snoozed', 0, 0, 'WITHSCORES')
end
if first_snooze[2] then wait_for(tonumber(first_snooze[2]) * 1000, 'snoozed') end

local queues, serving = live_queues()

-- The queue whose workers have a free slot for the lane: its own workers before those that take everything.
local function free_queue(lane)
  local why = 'no_worker'
  for _, names in ipairs({serving[lane] or {}, serving['*'] or {}}) do
    for _, name in ipairs(names) do
      if queues[name].free > 0 then return name end
      why = 'no_free_slot'
    end
  end
  return nil, why
end

local function let_go(call, job, lane, tenant, queue, task, route)
  local c = call_key(call)
  local known = redis.call('HMGET', c, 'fence', 'worker')
  local fence = tonumber(known[1]) + 1
  redis.call('HSET', c, 'fence', fence, 'state', life.targets.admit, 'changed_ms', now, 'pool', route or '', 'queue', queue,
    'tenant', tenant, 'admitted_ms', now, 'repeats', 0)
  if known[2] then redis.call('HDEL', c, 'worker') end
  redis.call('SADD', P .. 'pending:' .. queue, call)
  redis.call('ZADD', P .. 'unclaimed', now + args.republish_ms, call)
  redis.call('SADD', P .. 'running:' .. tenant, call)
  if tenant_of(tenant).running and not may_run(tenant) then rejoin(tenant) end
  queues[queue].free = queues[queue].free - 1
  touch(job, 'call.admit', {call = call, fence = fence, pool = route})
  admitted[#admitted + 1] = {call = call, fence = fence, task = task, queue = queue}
end

-- The job tells which Regions its calls went to beside its first.
local function note_diversion(job, route)
  local region, list = string.match(route, '^[^/]+'), cjson.decode(field(job_key(job), 'diverted_to') or '[]')
  for _, known in ipairs(list) do if known == region then return end end
  list[#list + 1] = region
  redis.call('HSET', job_key(job), 'diverted_to', cjson.encode(list))
end

-- The pools of this run that may take a call now, by reach; the first that may is the best that may.
local function open_route(reach)
  local first_us, first_why
  for route in string.gmatch(reach, '[^,]+') do
    local at, why = opens_at(pool_of(route))
    if at and at <= now_us then return route end
    if not first_why or (at and (not first_us or at < first_us)) then first_us, first_why = at, why end
  end
  return nil, first_us, first_why
end

-- The tenant of a reach whose turn it is: {tenant, tag, reach}. Its list may have become empty since.
local function head_of(lane, class, reach)
  local head = redis.call('ZRANGE', turn_key(lane, class, reach), 0, 0, 'WITHSCORES')
  return head[1] and {tenant = head[1], tag = tonumber(head[2]), reach = reach}
end

-- A tenant whose list is empty leaves the order.
local function leave_turn(lane, class, head)
  redis.call('ZREM', turn_key(lane, class, head.reach), head.tenant)
  redis.call('SREM', P .. 'lists:' .. head.tenant, list_name(lane, class, head.reach))
end

-- The same, of tenants with a call in their lists.
local function waiting_head(lane, class, reach)
  while true do
    local head = head_of(lane, class, reach)
    if not head or redis.call('ZCARD', park_key(lane, class, head.tenant, reach)) > 0 then return head end
    leave_turn(lane, class, head)
  end
end

-- By class, the tenant whose turn it is among the reaches in which a pool is open; and which classes wait at all.
local function candidates(lane, reaches)
  local found, waits, routes = {}, {}, {}
  for _, reach in ipairs(reaches) do
    local here = false
    for _, class in ipairs(args.classes) do
      local name = class[1]
      local head = routes[reach] ~= false and head_of(lane, name, reach) or waiting_head(lane, name, reach)
      if head and routes[reach] == nil then
        local route, at, why = '', nil, nil
        if reach ~= '' then route, at, why = open_route(reach) end
        routes[reach] = route or false
        if not route then
          head = waiting_head(lane, name, reach)
          if head then wait_for(at, why) else routes[reach] = nil end
        end
      end
      if head then
        here, waits[name] = true, true
        head.route = routes[reach]
        local best = found[name]
        if head.route and (not best or head.tag < best.tag) then found[name] = head end
      end
    end
    if not here then redis.call('ZREM', P .. 'reaches:' .. lane, reach) end
  end
  return found, waits
end

-- The most urgent class, unless a lower one that waits is owed its floor, this call counted in.
local function choose(lane, found)
  local l, chosen, most = lane_of(lane), nil, 1 - 1e-5
  for _, class in ipairs(args.classes) do
    local owed = found[class[1]] and class[2] > 0 and tonumber(l['owed:' .. class[1]] or '0') + class[2] or 0
    if owed >= most then chosen, most = class[1], owed end
  end
  for _, class in ipairs(args.classes) do
    if not chosen and found[class[1]] then chosen = class[1] end
  end
  return chosen
end

-- Notes where the lane's virtual time stands, which never falls, and what the classes are owed. That grows with the calls that a class
-- could have had, and is kept, up to two calls, while it waits.
local function settle(lane, found, waits, chosen)
  local l, new = lane_of(lane), {}
  local virtual = 'virtual:' .. chosen
  if found[chosen].tag > tonumber(l[virtual] or '-1') then new[virtual] = string.format('%.17g', found[chosen].tag) end
  for _, class in ipairs(args.classes) do
    local name, floor = 'owed:' .. class[1], class[2]
    if floor > 0 and found[class[1]] then
      local owed = tonumber(l[name] or '0') + floor
      if class[1] == chosen then owed = math.max(0, owed - 1) end
      new[name] = string.format('%.6f', math.min(owed, 2))
    elseif floor > 0 and l[name] and not waits[class[1]] then new[name] = '0' end
  end
  local flat = {}
  for name, value in pairs(new) do
    if l[name] ~= value then
      l[name] = value
      flat[#flat + 1], flat[#flat + 2] = name, value
    end
  end
  if #flat > 0 then redis.call('HSET', P .. 'lane:' .. lane, unpack(flat)) end
end

-- Lets one call of the lane go, or finds one that is too late. Returns whether there may be more.
local function step(lane)
  if lane_of(lane).mode == 'paused' then wait_for(nil, 'pause') return false end
  local reaches = redis.call('ZRANGE', P .. 'reaches:' .. lane, 0, -1)
  local queue, why = free_queue(lane)
  if not queue then
    if #reaches > 0 then reason = why end
    return false
  end
  local found, waits = candidates(lane, reaches)
  if not next(waits) then redis.call('ZREM', P .. 'open_lanes', lane) return false end
  local class = choose(lane, found)
  if not class then return false end
  local head = found[class]
  local calls = redis.call('ZRANGE', park_key(lane, class, head.tenant, head.reach), 0, 1)
  if not calls[2] then leave_turn(lane, class, head) end
  local call = calls[1]
  if not call then
    waiting_head(lane, class, head.reach) -- many may have been canceled at once
    return true
  end
  local job = job_of(call)
  leave_list(lane, class, head.tenant, head.reach, call)
  local j = redis.call('HMGET', job_key(job), 'start_by_ms', 'finish_by_ms', 'started_ms', 'tokens', 'price_microusd', 'task_name')
  local start_by, finish_by = tonumber(j[1] or '0'), tonumber(j[2] or '0')
  if (start_by > 0 and start_by <= now and not j[3]) or (finish_by > 0 and finish_by <= now) then
    finish_call(call, 'expire', {call = call}) -- costs no place
    expired = expired + 1
    return true
  end
  settle(lane, found, waits, class)
  -- Who stands behind the virtual time comes back at it; who stands right there may yet be given back what a refused call cost.
  redis.call('ZREMRANGEBYSCORE', P .. 'past:' .. lane .. ':' .. class, '-inf', '(' .. lane_of(lane)['virtual:' .. class])
  charge(lane, class, head.tenant, head.tag, cost_of(j[5]), reaches)
  if head.route ~= '' then
    take_place(pool_of(head.route), call, number(call_key(call), 'fence') + 1, tonumber(j[4] or '0'))
    if string.find(head.reach, head.route, 1, true) ~= 1 then note_diversion(job, head.route) end
  end
  let_go(call, job, lane, head.tenant, queue, j[6], head.route)
  return true
end

-- Answers that are paid and stored come first: they need no quota and are never too late, only a worker. It looks farther than it lets go:
-- those of a lane that nobody serves must not hold up the others.
for _, call in ipairs(redis.call('ZRANGE', P .. 'owed', 0, 10 * args.most - 1)) do
  if #admitted >= args.most then break end
  local lane, _, tenant = place_of(job_of(call))
  local queue, why = free_queue(lane)
  if queue then
    redis.call('ZREM', P .. 'owed', call)
    let_go(call, job_of(call), lane, tenant, queue, field(job_key(job_of(call)), 'task_name'))
  else reason = why end
end

-- One call a lane and round, beginning after the lane that was served last, so that no lane takes all the slots.
local lanes = redis.call('ZRANGE', P .. 'open_lanes', 0, -1)
local last, served = #lanes > 1 and redis.call('GET', P .. 'last_lane') or '', nil
local ring = {}
for _, lane in ipairs(lanes) do if lane > last then ring[#ring + 1] = lane end end
for _, lane in ipairs(lanes) do if lane <= last then ring[#ring + 1] = lane end end
local more = true
while more and #admitted < args.most and expired < 500 do
  more = false
  for n, lane in ipairs(ring) do
    if lane and #admitted < args.most then
      local before = #admitted
      if step(lane) then more = true else ring[n] = false end
      if #admitted > before then served = lane end
    end
  end
end
if served and #lanes > 1 then redis.call('SET', P .. 'last_lane', served) end
if #admitted >= args.most or expired >= 500 then wait_for(now_us, 'more') end
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
