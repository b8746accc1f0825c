-- The turns of a lane's tenants, of one class and one reach, as a run of admission sees them: it looks at the first few, moves and removes
-- them in its own copy, and writes that down once.

-- class: the number of the class, name: its name. heads: the tenants that were looked at, of which first to last are still in their place;
-- ahead: how many to look at next; all: none stands behind them; moved, gone: what is yet to be written.
local function new_turn(lane, class, name, reach)
  return {lane = lane, class = class, name = name, reach = reach, key = turn_key(lane, name, reach), first = 1, last = 0, ahead = 1,
    heads = false, all = false, moved = false, gone = false}
end

-- What was looked at holds no more: the next look reads anew.
local function forget_heads(t) t.first, t.last, t.all = 1, 0, false end

local function flat_of(tags)
  local flat = {}
  for name, tag in pairs(tags) do flat[#flat + 1], flat[#flat + 2] = tag, name end
  return flat
end

-- Writes what the run has put off.
local function write_turn(t)
  if t.moved then redis.call('ZADD', t.key, 'XX', unpack(flat_of(t.moved))) end
  if t.gone then redis.call('ZREM', t.key, unpack(t.gone)) end
  t.moved, t.gone = false, false
end

-- Looks at the next tenants: at one first, because mostly no more is asked for, then at more and more.
local function look(t)
  write_turn(t)
  local flat = redis.call('ZRANGE', t.key, 0, t.ahead - 1, 'WITHSCORES')
  local heads = {}
  for n = 1, #flat, 2 do heads[#heads + 1] = {tenant = flat[n], tag = tonumber(flat[n + 1]), turn = t, route = false} end
  t.heads, t.first, t.last, t.all = heads, 1, #heads, #heads < t.ahead
  t.ahead = math.min(4 * t.ahead, 64)
end

-- The tenant whose turn it is: {tenant, tag, turn}. Its list may have become empty since.
local function head_of(t)
  if t.first > t.last then
    if t.all then return nil end
    look(t)
  end
  return t.heads[t.first]
end

-- The first tenant, whose list is empty, leaves the order.
local function leave_turn(t)
  local tenant = t.heads[t.first].tenant
  t.heads[t.first] = nil
  t.first = t.first + 1
  if not t.gone then t.gone = {} end
  t.gone[#t.gone + 1] = tenant
  redis.call('SREM', P .. 'lists:' .. tenant, list_name(t.lane, t.name, t.reach))
end

-- The same, of tenants with a call in their lists.
local function waiting_head(t)
  while true do
    local head = head_of(t)
    if not head or redis.call('ZCARD', park_key(t.lane, t.name, head.tenant, t.reach)) > 0 then return head end
    leave_turn(t)
  end
end

-- Whether a head comes before another: Redis orders equal scores by their names' bytes, Lua by the language of the machine.
local function before(a, b)
  if a.tag ~= b.tag then return a.tag < b.tag end
  local one, other = a.tenant, b.tenant
  for n = 1, math.min(#one, #other) do
    local x, y = string.byte(one, n), string.byte(other, n)
    if x ~= y then return x < y end
  end
  return #one < #other
end

-- The first tenant moves to where its new tag puts it, out of sight if that is behind all that were looked at.
local function move_head(t, tag)
  local heads, head = t.heads, t.heads[t.first]
  if not t.moved then t.moved = {} end
  head.tag, t.moved[head.tenant] = tag, tag
  local at = t.first
  while at < t.last and before(heads[at + 1], head) do
    heads[at] = heads[at + 1]
    at = at + 1
  end
  heads[at] = head
  if at == t.last and not t.all then
    heads[at] = nil
    t.last = at - 1
  end
end
