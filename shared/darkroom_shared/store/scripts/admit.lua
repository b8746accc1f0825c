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

-- Mostly nothing is set for any tenant: one look at that spares one for each call.
if redis.call('EXISTS', P .. 'tenants') == 0 then
  local nothing = {}
  setmetatable(tenants, {__index = function() return nothing end})
end

-- The queues that serve a lane: its own workers' before those of workers that take everything.
local function queues_of(lane)
  local own, common = serving[lane], serving['*']
  if not own or not common then return own or common or {} end
  local names = {unpack(own)}
  for _, name in ipairs(common) do names[#names + 1] = name end
  return names
end

-- The first of these queues whose workers have a free slot.
local function free_queue(names)
  for n = 1, #names do
    if queues[names[n]].free > 0 then return names[n] end
  end
  return nil, names[1] and 'no_free_slot' or 'no_worker'
end

-- What the run will write when it is over, or before anybody else looks: the same command for many calls costs a fraction of one for each.
local stands, pending, unclaimed, taking = {}, {}, {}, {}
local republish_at = whole(now + args.republish_ms)

-- Classes by number, most urgent first, and what a lane's record says of each.
local classes, floors, lane_fields = {}, {}, {'mode'}
for k, class in ipairs(args.classes) do
  classes[k], floors[k] = class[1], class[2]
  lane_fields[2 * k], lane_fields[2 * k + 1] = 'virtual:' .. class[1], 'owed:' .. class[1]
end

-- Where the run stands in a lane: what it has read of it, and what it has yet to write. `virtual`, `owed`, `moved`, `past`: by number of the
-- class; `turns`: by number of the reach, then of the class.
local function stand_of(lane)
  local s = stands[lane]
  if s then return s end
  local l = redis.call('HMGET', P .. 'lane:' .. lane, unpack(lane_fields))
  s = {lane = lane, mode = l[1], reaches = redis.call('ZRANGE', P .. 'reaches:' .. lane, 0, -1), queues = queues_of(lane),
    virtual = {}, owed = {}, changed = {}, moved = {}, past = {}, turns = {}, found = {}, waits = {}, gone = {}, left = {}}
  for k = 1, #classes do
    s.virtual[k], s.owed[k] = tonumber(l[2 * k] or '-1'), tonumber(l[2 * k + 1] or '0')
  end
  for n, reach in ipairs(s.reaches) do
    local turns = {}
    for k = 1, #classes do
      turns[k] = new_turn(lane, k, classes[k], reach)
    end
    s.turns[n] = turns
  end
  stands[lane] = s
  return s
end

local function write_stand(s)
  local flat = {}
  for k = 1, #classes do
    if s.changed[k] then flat[#flat + 1], flat[#flat + 2] = lane_fields[2 * k + 1], string.format('%.6f', s.owed[k]) end
    if s.moved[k] then flat[#flat + 1], flat[#flat + 2] = lane_fields[2 * k], string.format('%.17g', s.virtual[k]) end
  end
  if flat[1] then redis.call('HSET', P .. 'lane:' .. s.lane, unpack(flat)) end
  for k, tags in pairs(s.past) do
    local key = P .. 'past:' .. s.lane .. ':' .. classes[k]
    -- Who stands behind the virtual time comes back at it; who stands right there may yet be given back what a refused call cost.
    if s.moved[k] then redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('(%.17g', s.virtual[k])) end
    redis.call('ZADD', key, unpack(flat_of(tags)))
  end
  if s.gone[1] then
    redis.call('ZREM', P .. 'waits:' .. s.lane, unpack(s.gone))
    count_down(s.lane, s.left)
  end
  for _, turns in ipairs(s.turns) do
    for k = 1, #classes do write_turn(turns[k]) end
  end
end

-- Writes all that the run has put off and forgets what it has read of the lanes: now others may read and change it.
local function write_back()
  for _, s in pairs(stands) do write_stand(s) end
  for queue, calls in pairs(pending) do redis.call('SADD', P .. 'pending:' .. queue, unpack(calls)) end
  if unclaimed[1] then redis.call('ZADD', P .. 'unclaimed', unpack(unclaimed)) end
  for _, p in pairs(taking) do note_taken(p) end
  stands, pending, unclaimed, taking = {}, {}, {}, {}
end

-- What the run needs to know of a job.
local function job_fields(job) return known_of(job, 'task_name', 'start_by_ms', 'finish_by_ms', 'tokens', 'price_microusd') end

-- `p`: its pool; nil for a free step, for which `route` is empty, and for an answer that waits, where it is nil.
local function let_go(call, job, j, tenant, queue, p, route)
  local c = call_key(call)
  local known = redis.call('HMGET', c, 'fence', 'worker', 'repeats')
  local fence = tonumber(known[1]) + 1
  if p then
    take_place(p, call, fence, tonumber(j[10] or '0'))
    taking[p.route] = p
  end
  redis.call('HSET', c, 'fence', fence, 'state', life.targets.admit, 'changed_ms', now_text, 'pool', route or '', 'queue', queue,
    'tenant', tenant)
  if known[2] or known[3] then redis.call('HDEL', c, 'worker', 'repeats') end
  local waiting = pending[queue]
  if waiting then waiting[#waiting + 1] = call else pending[queue] = {call} end
  unclaimed[#unclaimed + 1], unclaimed[#unclaimed + 2] = republish_at, call
  redis.call('SADD', P .. 'running:' .. tenant, call)
  if tenant_of(tenant).running and not may_run(tenant) then
    write_back()
    rejoin(tenant)
  end
  queues[queue].free = queues[queue].free - 1
  touch(job, 'call.admit', {call = call, fence = fence, pool = route}, j, call, life.targets.admit)
  admitted[#admitted + 1] = {call = call, fence = fence, task = j[7], queue = queue}
  if #unclaimed >= 1000 then write_back() end -- Lua hands no more than some thousand words to a command
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
    local p = pool_of(route)
    if p.unbounded then return route end
    local at, why = opens_at(p)
    if at and at <= now_us then
      p.unbounded = p.off and not (p.rate or p.tokens or p.most or p.open_until_us)
      return route
    end
    if not first_why or (at and (not first_us or at < first_us)) then first_us, first_why = at, why end
  end
  return nil, first_us, first_why
end

-- By class, the tenant whose turn it is among the reaches in which a pool is open (s.found), and whether the class waits at all (s.waits).
-- Returns whether any does.
local function find_candidates(s)
  local found, waits, any = s.found, s.waits, false
  for k = 1, #classes do found[k], waits[k] = false, false end
  for n = 1, #s.reaches do
    local here, route, reach, turns = false, nil, s.reaches[n], s.turns[n] -- route: nil: not asked yet, false: none is open
    for k = 1, #classes do
      local t = turns[k]
      local head
      if route == false then head = waiting_head(t) else head = head_of(t) end
      if head and route == nil then
        local at, why
        route = ''
        if reach ~= '' then route, at, why = open_route(reach) end
        if not route then
          head = waiting_head(t)
          if head then
            wait_for(at, why)
            route = false
          end
        end
      end
      if head then
        here, waits[k] = true, true
        head.route = route
        local best = found[k]
        if route and (not best or head.tag < best.tag) then found[k] = head end
      end
    end
    if here then any = true
    elseif not turns.left then
      redis.call('ZREM', P .. 'reaches:' .. s.lane, reach)
      turns.left = true
    end
  end
  return any
end

-- The number of the most urgent class, unless a lower one that waits is owed its floor, this call counted in.
local function choose(s)
  local found, chosen, most = s.found, nil, 1 - 1e-5
  for k = 1, #classes do
    local owed = found[k] and floors[k] > 0 and s.owed[k] + floors[k] or 0
    if owed >= most then chosen, most = k, owed end
  end
  for k = 1, #classes do
    if not chosen and found[k] then chosen = k end
  end
  return chosen
end

-- Notes where the lane's virtual time stands, which never falls, and what the classes are owed. That grows with the calls that a class
-- could have had, and is kept, up to two calls, while it waits.
local function settle(s, chosen)
  local tag = s.found[chosen].tag
  if tag > s.virtual[chosen] then s.virtual[chosen], s.moved[chosen] = tag, true end
  for k = 1, #classes do
    local before, owed = s.owed[k], s.owed[k]
    if floors[k] > 0 then
      if s.found[k] then
        owed = owed + floors[k]
        if k == chosen then owed = math.max(0, owed - 1) end
        owed = math.min(owed, 2)
      elseif not s.waits[k] then owed = 0 end
      if owed ~= before then s.owed[k], s.changed[k] = owed, true end
    end
  end
end

-- What the call costs its tenant, which waits for its next turn. Where the lane has several reaches the tenant moves in all of them.
local function charge_head(s, t, head, stays, cost)
  if #s.reaches == 1 then
    local tag = tag_after(head.tenant, head.tag, cost)
    local past = s.past[t.class]
    if past then past[head.tenant] = tag else s.past[t.class] = {[head.tenant] = tag} end
    if stays then move_head(t, tag) end
    return
  end
  for _, turns in ipairs(s.turns) do
    local other = turns[t.class]
    write_turn(other)
    forget_heads(other)
  end
  charge(s.lane, classes[t.class], head.tenant, head.tag, cost, s.reaches)
end

-- Lets one call of the lane go, or finds one that is too late. Returns whether there may be more.
local function step(lane)
  local s = stand_of(lane)
  if s.mode == 'paused' then wait_for(nil, 'pause') return false end
  local queue, why = free_queue(s.queues)
  if not queue then
    if #s.reaches > 0 then reason = why end
    return false
  end
  if not find_candidates(s) then redis.call('ZREM', P .. 'open_lanes', lane) return false end
  local class = choose(s)
  if not class then return false end
  local head = s.found[class]
  local t, tenant, route = head.turn, head.tenant, head.route
  local list = park_key(lane, classes[class], tenant, t.reach)
  local calls = redis.call('ZRANGE', list, 0, 1)
  local call, stays = calls[1], calls[2] ~= nil
  if not stays then leave_turn(t) end
  if not call then
    waiting_head(t) -- many may have been canceled at once
    return true
  end
  local job = job_of(call)
  redis.call('ZREM', list, call)
  local name = classes[class] .. '|' .. tenant
  s.gone[#s.gone + 1], s.left[name] = call, (s.left[name] or 0) + 1
  local j = job_fields(job)
  local start_by, finish_by = tonumber(j[8] or '0'), tonumber(j[9] or '0')
  if (start_by > 0 and start_by <= now and not j[6]) or (finish_by > 0 and finish_by <= now) then
    write_back()
    finish_call(call, 'expire', {call = call}) -- costs no place
    expired = expired + 1
    return true
  end
  settle(s, class)
  charge_head(s, t, head, stays, cost_of(j[11]))
  if route ~= '' and string.find(t.reach, route, 1, true) ~= 1 then note_diversion(job, route) end
  let_go(call, job, j, tenant, queue, route ~= '' and pool_of(route) or nil, route)
  return true
end

-- Answers that are paid and stored come first: they need no quota and are never too late, only a worker. It looks farther than it lets go:
-- those of a lane that nobody serves must not hold up the others.
for _, call in ipairs(redis.call('ZRANGE', P .. 'owed', 0, 10 * args.most - 1)) do
  if #admitted >= args.most then break end
  local lane, _, tenant = place_of(job_of(call))
  local queue, why = free_queue(queues_of(lane))
  if queue then
    redis.call('ZREM', P .. 'owed', call)
    let_go(call, job_of(call), job_fields(job_of(call)), tenant, queue)
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
write_back()
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
