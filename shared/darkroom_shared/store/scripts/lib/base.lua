-- Shared by every script, like all files in this folder: set in front of its text before it is loaded, this one first.
-- KEYS[1]  key prefix. All other names are built from it (see store/keys.py); the ledger needs one Redis, not a cluster.
-- ARGV[1]  JSON object `args`, described at the top of each script. A value that is not known is left out, never null.
-- life     table in front of this text, made from core/lifecycle.py: `sources` event -> states with blanks around them, `targets` event ->
--          state, `open_states` call state -> job state, `terminal_states` job state -> true.
-- Time is the server's own, read once: `now` in milliseconds, `now_us` in microseconds.
local P = KEYS[1]
local args = cjson.decode(ARGV[1])
local clock = redis.call('TIME')
local now_us = clock[1] * 1000000 + clock[2]
local now = math.floor(now_us / 1000)

local function job_key(id) return P .. 'job:' .. id end
local function call_key(id) return P .. 'call:' .. id end
local function job_of(call) return string.match(call, '^(.*)%.%d+$') end
local function whole(n) return string.format('%.0f', n) end
-- For what is written often: making a number a text costs about as much as a small command.
local now_text, now_us_text = whole(now), whole(now_us)

local function field(key, name) return redis.call('HGET', key, name) or nil end
local function number(key, name) return tonumber(redis.call('HGET', key, name) or '0') or 0 end

local function record(key)
  local flat = redis.call('HGETALL', key)
  local out = {}
  for i = 1, #flat, 2 do out[flat[i]] = flat[i + 1] end
  return out
end

-- True if the table lets `event` happen in `state`.
local function allowed(event, state)
  return string.find(life.sources[event], ' ' .. state .. ' ', 1, true) ~= nil
end

local function set_state(call, event)
  redis.call('HSET', call_key(call), 'state', life.targets[event], 'changed_ms', now_text)
end

-- A worker sends a write again if the answer got lost. What it asked for under this fence is done then: saying "lost" would be wrong.
local function closed(call, fence, event) return field(call_key(call), 'closed') == fence .. ':' .. event end
local function close(call, fence, event) redis.call('HSET', call_key(call), 'closed', fence .. ':' .. event) end

local function calls_of(job)
  local out = {}
  for i = 0, number(job_key(job), 'calls') - 1 do out[#out + 1] = job .. '.' .. i end
  return out
end

