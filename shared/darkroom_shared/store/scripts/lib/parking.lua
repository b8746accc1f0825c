-- Waiting calls: one list for each lane, class, tenant and choice of pools, and the order in which tenants take turns.
-- `reach`: the pools that a call may use, best first, joined by commas; empty for free steps. Most lanes have one reach.
local UNKNOWN_PRICE = 10000 -- millionths of a dollar, where a call's price is not known: shares are shares of money

local function park_key(lane, class, tenant, reach) return P .. 'park:' .. lane .. ':' .. class .. ':' .. tenant .. ':' .. reach end
local function turn_key(lane, class, reach) return P .. 'turn:' .. lane .. ':' .. class .. ':' .. reach end
local function list_name(lane, class, reach) return lane .. '|' .. class .. '|' .. reach end

local tenants = {}

-- What is set for a tenant: weight, running and queued (most calls and jobs), queue_ms, mode.
local function tenant_of(name)
  if not tenants[name] then tenants[name] = record(P .. 'tenant:' .. name) end
  return tenants[name]
end

-- Whether a tenant may have one more call running.
local function may_run(tenant)
  local t = tenant_of(tenant)
  if t.mode == 'paused' then return false end
  return not t.running or redis.call('SCARD', P .. 'running:' .. tenant) < tonumber(t.running)
end

-- A tenant takes part in the turns of a lane, at the lane's virtual time or where it left off: no credit for having been away, and none
-- for coming back with one call at a time.
local function join(lane, class, reach, tenant)
  redis.call('ZADD', P .. 'open_lanes', 0, lane)
  redis.call('ZADD', P .. 'reaches:' .. lane, 0, reach)
  if not may_run(tenant) then return end
  local virtual = number(P .. 'lane:' .. lane, 'virtual:' .. class)
  local past = tonumber(redis.call('ZSCORE', P .. 'past:' .. lane .. ':' .. class, tenant) or '0')
  redis.call('ZADD', turn_key(lane, class, reach), 'NX', math.max(virtual, past), tenant)
end

local function each_list(tenant, visit)
  for _, name in ipairs(redis.call('SMEMBERS', P .. 'lists:' .. tenant)) do visit(string.match(name, '^(.-)|(.-)|(.*)$')) end
end

-- After a limit or a pause of the tenant has changed, or one of its calls has ended.
local function rejoin(tenant)
  if may_run(tenant) then each_list(tenant, function(lane, class, reach) join(lane, class, reach, tenant) end)
  else each_list(tenant, function(lane, class, reach) redis.call('ZREM', turn_key(lane, class, reach), tenant) end) end
end

local function tag_after(tenant, start, cost) return math.max(0, start + cost / tonumber(tenant_of(tenant).weight or '1')) end

-- Moves a tenant's turn by what a call costs: ahead when it is let go, back when the service did not take it.
local function charge(lane, class, tenant, start, cost, reaches)
  local tag = tag_after(tenant, start, cost)
  redis.call('ZADD', P .. 'past:' .. lane .. ':' .. class, tag, tenant)
  for _, reach in ipairs(reaches) do redis.call('ZADD', turn_key(lane, class, reach), 'XX', tag, tenant) end
end

local function cost_of(price) return math.max(1, tonumber(price or UNKNOWN_PRICE)) end

-- A job of the first version names its lane after Region and model, and no pools. Returns its lane and its one pool.
local function modernise(job, lane)
  local model = string.match(lane, '^[^/]+/(.+)$')
  redis.call('HSET', job_key(job), 'lane', model, 'routes', lane)
  return model, lane
end

local function place_of(job) return unpack(redis.call('HMGET', job_key(job), 'lane', 'class', 'tenant', 'routes')) end

-- Counts calls that have left their lists: class|tenant -> how many.
local function count_down(lane, left)
  local key, names = P .. 'queue:' .. lane, {}
  for name in pairs(left) do names[#names + 1] = name end
  local counts, set, gone = redis.call('HMGET', key, unpack(names)), {}, {}
  for n, name in ipairs(names) do
    local count = tonumber(counts[n] or '0') - left[name]
    if count > 0 then set[#set + 1], set[#set + 2] = name, count else gone[#gone + 1] = name end
  end
  if set[1] then redis.call('HSET', key, unpack(set)) end
  if gone[1] then redis.call('HDEL', key, unpack(gone)) end
end

local function leave_list(lane, class, tenant, reach, call)
  if redis.call('ZREM', park_key(lane, class, tenant, reach), call) == 0 then return end
  redis.call('ZREM', P .. 'waits:' .. lane, call)
  count_down(lane, {[class .. '|' .. tenant] = 1})
end

local function unpark(call, job)
  local lane, class, tenant, reach = place_of(job)
  leave_list(lane, class, tenant, reach or '', call)
  redis.call('ZREM', P .. 'owed', call)
end

-- The call waits nowhere any more and nobody works on it. What it held of a worker, a pool and its tenant's share is free.
local function leave_indexes(call)
  for _, index in ipairs({'held', 'unclaimed', 'leases', 'snoozed'}) do redis.call('ZREM', P .. index, call) end
  local c = redis.call('HMGET', call_key(call), 'worker', 'queue', 'pool', 'tenant', 'state', 'fence')
  if c[1] then redis.call('SREM', P .. 'work:' .. c[1], call) end
  if not c[2] then return end -- was never admitted, or by a version that kept no queue
  redis.call('SREM', P .. 'pending:' .. c[2], call)
  if c[3] and c[3] ~= '' then leave_pool(c[3], call, (c[5] == 'admitted' or c[5] == 'claimed') and call .. ':' .. c[6]) end
  if redis.call('SREM', P .. 'running:' .. c[4], call) == 1 and tenant_of(c[4]).running then rejoin(c[4]) end
end

-- From the first time it could go, a call of this tenant waits no longer than its queue time.
local function set_queue_deadline(j, job, tenant)
  local queue_ms = tonumber(tenant_of(tenant).queue_ms or '')
  if not queue_ms or field(j, 'queued_until_ms') then return end
  local by = now + queue_ms
  redis.call('HSET', j, 'queued_until_ms', whole(by))
  local given = number(j, 'start_by_ms')
  if given > 0 and given <= by then return end
  redis.call('HSET', j, 'start_by_ms', whole(by))
  if not field(j, 'started_ms') then redis.call('ZADD', P .. 'deadlines', 'LT', by, job) end
end

-- Puts a call into its tenant's list. A call whose answer is stored already needs no quota, only a worker: it waits apart.
-- One that the service refused as too much goes to the head.
local function park(call, job)
  local c, j = call_key(call), job_key(job)
  local told = redis.call('HMGET', c, 'receipt', 'first')
  if told[1] then return redis.call('ZADD', P .. 'owed', now, call) end
  local lane, class, tenant, reach = place_of(job)
  if not reach and string.find(lane, '/', 1, true) then lane, reach = modernise(job, lane) end
  reach = reach or ''
  set_queue_deadline(j, job, tenant)
  local by = redis.call('HMGET', j, 'start_by_ms', 'finish_by_ms', 'created_ms', 'started_ms', 'urgent_by_ms')
  local start_by, finish_by = not by[4] and tonumber(by[1] or '0') or 0, tonumber(by[2] or '0')
  local deadline = tonumber(by[3]) + 604800000
  if start_by > 0 then deadline = math.min(deadline, start_by) end
  if finish_by > 0 then deadline = math.min(deadline, finish_by) end
  if by[5] then deadline = math.min(deadline, tonumber(by[5])) end
  if told[2] then
    redis.call('HDEL', c, 'first')
    deadline = deadline - 1e13
  end
  if redis.call('ZADD', park_key(lane, class, tenant, reach), deadline, call) == 1 then
    redis.call('ZADD', P .. 'waits:' .. lane, now, call)
    redis.call('HINCRBY', P .. 'queue:' .. lane, class .. '|' .. tenant, 1)
  end
  redis.call('SADD', P .. 'lists:' .. tenant, list_name(lane, class, reach))
  join(lane, class, reach, tenant)
end

-- The fleet by queue: {free = slots that nothing is on its way to}, and the queues that serve a lane; those under `*` serve every lane.
-- Workers with the same choice of lanes read the same queue.
local function live_queues()
  local queues, serving = {}, {}
  local workers = redis.call('ZRANGE', P .. 'workers', 0, -1, 'WITHSCORES')
  if workers[2] and tonumber(workers[2]) <= now then
    redis.call('ZREMRANGEBYSCORE', P .. 'workers', '-inf', now)
    workers = redis.call('ZRANGE', P .. 'workers', 0, -1, 'WITHSCORES')
  end
  for n = 1, #workers, 2 do
    local worker = workers[n]
    local w = redis.call('HMGET', P .. 'worker:' .. worker, 'slots', 'queue', 'lanes')
    local name = w[2] or 'darkroom'
    if not queues[name] then
      queues[name] = {free = -redis.call('SCARD', P .. 'pending:' .. name), slots = 0}
      for lane in string.gmatch(w[3] or '*', '[^,]+') do
        serving[lane] = serving[lane] or {}
        table.insert(serving[lane], name)
      end
    end
    local slots = tonumber(w[1] or '0')
    queues[name].slots = queues[name].slots + slots
    queues[name].free = queues[name].free + math.max(0, slots - redis.call('SCARD', P .. 'work:' .. worker))
  end
  return queues, serving
end
