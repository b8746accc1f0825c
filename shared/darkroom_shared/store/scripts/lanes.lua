-- What stands in the lanes and why: for people, for the explanation of a wait, and for predictions. Changes nothing but times of a clock that was set back.
-- args.lane     only this one, or absent
-- args.job      also say where the parked calls of this job stand in their list, or absent
-- args.most     most tenants told of for each lane, that of the job always; the rest is summed up
-- Returns JSON {now_ms, lanes = [{lane, mode, waiting, oldest_ms, took_ms, free_slots, slots, workers, classes = {class: {virtual, owed}},
-- tenants = [{job_class, tenant, waiting, tag, weight, mode, running, running_most}], others = {class: calls}, pools = [{pool, quota, cap,
-- rate, source, opens_in_ms, why, sent, refused, refused_in_all, in_flight, concurrency, circuit, open_s}]}], calls = [{call, rank}]}.
local queues, serving = live_queues()
local DEFAULT = {}

local function numbers(p)
  local at, why = opens_at(p)
  local rate = rate_of(p)
  local source = p.off and 'off' or p.settings_rpm and 'settings' or p.unknown and 'unknown' or p.aws_rpm and 'aws' or p.catalogue_rpm and 'catalogue'
  local since = now_us - us(p, MINUTE_S)
  return {
    pool = p.route, quota = p.quota, cap = p.cap, rate = rate, source = source or 'unknown', why = why,
    opens_in_ms = at and math.max(0, math.ceil((at - now_us) / 1000)) or nil,
    sent = redis.call('ZCOUNT', P .. 'sent:' .. p.route, since, '+inf'), refused = redis.call('ZCOUNT', P .. 'refused:' .. p.route, since, '+inf'),
    refused_in_all = p.refused_in_all or 0, in_flight = redis.call('ZCARD', P .. 'flight:' .. p.route), concurrency = p.most,
    circuit = p.probe and 'probing' or p.open_until_us and (p.open_until_us > now_us and 'open' or 'half_open') or 'closed', open_s = p.open_s,
    interval_ms = rate and rate > 0 and us(p, MINUTE_S) / rate / 1000 or 0,
  }
end

-- `own`: class|tenant that is told of in any case, or nil.
local function tell(lane, own)
  local l = record(P .. 'lane:' .. lane)
  local out = {lane = lane, mode = l.mode or 'active', waiting = 0, took_ms = tonumber(l.took_ms), free_slots = 0, slots = 0,
    classes = {}, tenants = {}, others = {}, pools = {}}
  local oldest = redis.call('ZRANGE', P .. 'waits:' .. lane, 0, 0, 'WITHSCORES')
  if oldest[2] then out.oldest_ms = now - tonumber(oldest[2]) end
  for _, names in ipairs({serving[lane] or DEFAULT, serving['*'] or DEFAULT}) do
    for _, name in ipairs(names) do
      out.free_slots = out.free_slots + math.max(0, queues[name].free)
      out.slots = out.slots + queues[name].slots
    end
  end
  local queue = record(P .. 'queue:' .. lane)
  for name, count in pairs(queue) do
    local class, tenant = string.match(name, '^(.-)|(.*)$')
    local waiting = tonumber(count)
    out.waiting = out.waiting + waiting
    if not out.classes[class] then
      out.classes[class] = {virtual = tonumber(l['virtual:' .. class] or '0'), owed = tonumber(l['owed:' .. class] or '0')}
    end
    if #out.tenants < args.most or name == own then
      local t = tenant_of(tenant)
      out.tenants[#out.tenants + 1] = {
        job_class = class, tenant = tenant, waiting = waiting, weight = tonumber(t.weight or '1'), mode = t.mode,
        tag = math.max(tonumber(redis.call('ZSCORE', P .. 'past:' .. lane .. ':' .. class, tenant) or '0'), out.classes[class].virtual),
        running = redis.call('SCARD', P .. 'running:' .. tenant), running_most = tonumber(t.running),
      }
    else out.others[class] = (out.others[class] or 0) + waiting end
  end
  local pools_here = redis.call('SMEMBERS', P .. 'pools:' .. lane)
  table.sort(pools_here)
  for _, route in ipairs(pools_here) do out.pools[#out.pools + 1] = numbers(pool_of(route)) end
  return out
end

local names = args.lane and {args.lane} or redis.call('SMEMBERS', P .. 'known_lanes')
table.sort(names)
local answer = {now_ms = now, lanes = {}, calls = {}, workers = redis.call('ZCARD', P .. 'workers')}
local home, class, tenant, reach
if args.job then home, class, tenant, reach = place_of(args.job) end
for _, lane in ipairs(names) do answer.lanes[#answer.lanes + 1] = tell(lane, home == lane and class .. '|' .. tenant or nil) end
if home then
  for _, call in ipairs(calls_of(args.job)) do
    local rank = redis.call('ZRANK', park_key(home, class, tenant, reach or ''), call)
    if rank then answer.calls[#answer.calls + 1] = {call = call, rank = rank} end
  end
end
return cjson.encode(answer)
