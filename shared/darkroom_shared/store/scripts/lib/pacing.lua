-- Pools: how fast calls of one quota (account x region x model) may follow one another, learned from what the service says.
-- Pacing is GCRA with burst 1, the only rhythm that token buckets, fixed windows, sliding logs and small buckets all take (measured).
-- All times are those of a real quota minute; `scale` (quota seconds in a second, for tests) shrinks them together.
local MINUTE_S, HOLD_S = 60, 10 -- the estimate's window; least time between two cuts
local REST_S = 6 -- of a pool after a refusal: a little too much for a server that counts by the minute is too much until its minute ends
local CIRCUIT_REFUSALS, CIRCUIT_S, CIRCUIT_MOST_S = 2, 30, 240
local START_RPM, FIRST_CUT_RPM = 10, 60 -- where the quota is not known; least rate after the first refusal where there was no pacing
local LATE_S = 0.3 -- half of what the margin of 1 % leaves to the jitter between letting go and sending
local QUIET_MIN = 5 -- after this long without a refusal the rate is raised faster and faster
local AGAIN_MIN = 3 -- a cut within this time after another one: the rate is still too high, each cuts deeper

local pools = {}

local function us(p, seconds) return seconds * 1000000 / p.scale end

local function write(p, fields)
  local flat = {}
  for name, value in pairs(fields) do
    p[name] = value
    flat[#flat + 1] = name
    flat[#flat + 1] = type(value) == 'number' and string.format('%.17g', value) or value
  end
  redis.call('HSET', p.key, unpack(flat))
end

local function forget(p, ...)
  for _, name in ipairs({...}) do p[name] = nil end
  redis.call('HDEL', p.key, ...)
end

-- Requests a minute at this moment, nil for no limit. A rate that was cut grows again: fast while it is far below what went well last,
-- next to nothing near it, and faster and faster after some quiet minutes; never above the known quota.
local function rate_of(p)
  if not p.rate then return p.cap or (not p.off and START_RPM) or nil end
  local minutes = math.min((now_us - p.rate_us) / us(p, MINUTE_S), 1)
  local quiet = p.refused_us and (now_us - p.refused_us) / us(p, MINUTE_S)
  local slope
  if not quiet then slope = p.rate
  elseif p.rate < 0.9 * p.good then slope = 0.5 * p.good
  elseif quiet < QUIET_MIN then slope = 0.005 * p.good
  else slope = p.good * math.min(0.1, 0.005 * 2 ^ (quiet - QUIET_MIN)) end
  local rate = p.rate + slope * minutes
  return p.cap and math.min(rate, p.cap) or rate
end

-- After the server's clock was set back, or a quota was raised, a time may lie farther ahead than it can: nobody waits for that. It is
-- written down anew, because a bound that moves on with the clock would never be reached.
local function mend_times(p)
  local tokens_us = p.tokens_us and p.tokens and us(p, MINUTE_S) / (p.share or 1)
  local farthest = {
    rate_us = 0, cut_us = 0, refused_us = 0, late_at_us = 0, tokens_us = tokens_us,
    rest_until_us = us(p, REST_S), open_until_us = us(p, CIRCUIT_MOST_S),
  }
  local mended = {}
  for name, ahead in pairs(farthest) do
    if p[name] and p[name] > now_us + ahead then mended[name] = math.floor(now_us + ahead) end
  end
  if next(mended) then write(p, mended) end
  local rate = p.tat_us and p.tat_us > now_us and rate_of(p)
  local most = rate and math.floor(now_us + 2 * us(p, MINUTE_S) / rate)
  if most and p.tat_us > most then write(p, {tat_us = most}) end
end

-- A pool's record with its numbers, read once a run.
local function pool_of(route)
  local p = pools[route]
  if p then return p end
  local key = P .. 'pool:' .. route
  local flat, ahead = redis.call('HGETALL', key), false
  p = {}
  for i = 1, #flat, 2 do
    local value = tonumber(flat[i + 1])
    if value and value > now_us then ahead = true end -- only a time is that large
    p[flat[i]] = value or flat[i + 1]
  end
  p.route, p.key, p.scale = route, key, p.scale or 1
  p.quota = not p.off and (p.settings_rpm or (not p.unknown and (p.aws_rpm or p.catalogue_rpm))) or nil
  p.cap = p.quota and p.quota * (p.share or 1) * (p.margin or 1)
  p.most = p.concurrency or p.aws_concurrency
  p.tokens = p.tpm or p.aws_tpm
  if ahead then mend_times(p) end
  pools[route] = p
  return p
end

-- Notes the calls that took a place in this run: all at once, and before anybody looks at them.
local function note_taken(p)
  if not p.taken then return end
  redis.call('ZADD', P .. 'flight:' .. p.route, unpack(p.taken))
  redis.call('ZADD', P .. 'sent:' .. p.route, unpack(p.sending))
  p.taken, p.sending = nil, nil
end

-- Keeps of what was noted with its time the last minutes only.
local function trim(p, name, minutes)
  redis.call('ZREMRANGEBYSCORE', name, '-inf', now_us - minutes * us(p, MINUTE_S))
  redis.call('ZREMRANGEBYSCORE', name, '(' .. whole(now_us), '+inf') -- from before the clock was set back
end

-- A call may be sent later than it was let go (a cold worker, a busy machine), and comes too near to those after it then: a server that
-- looks at every span of a minute would refuse one at its end. So no minute, counted from when the requests went out, takes more than the
-- quota; of what the margin leaves, half is kept for the way from here to there. In the common rhythm this never binds.
local function window_opens(p)
  local most = p.cap and math.floor(p.quota * (p.share or 1))
  if not most or most < 1 or p.rate then return 0 end
  note_taken(p)
  local name = P .. 'sent:' .. p.route
  local first = redis.call('ZRANGE', name, -most, -most, 'WITHSCORES')
  if first[2] and tonumber(first[2]) > now_us then
    trim(p, name, 2)
    first = redis.call('ZRANGE', name, -most, -most, 'WITHSCORES')
  end
  return first[2] and tonumber(first[2]) + us(p, MINUTE_S) * (1 + (1 / (p.margin or 1) - 1) / 2) or 0
end

-- When the pool may take its next call (microseconds), and what it waits for; nil if only an event can tell. At or before now: it may.
local function opens_at(p)
  if (p.quota and p.quota <= 0) or (p.tokens and p.tokens <= 0) then return nil, 'no_quota' end
  if p.probe then return nil, 'circuit' end
  if p.most then
    note_taken(p)
    if redis.call('ZCARD', P .. 'flight:' .. p.route) >= p.most then return nil, 'concurrency' end
  end
  local at, why = rate_of(p) and p.tat_us or 0, 'rate'
  if p.tokens and (p.tokens_us or 0) > at then at, why = p.tokens_us, 'tokens' end
  local window = window_opens(p)
  if window > at then at, why = window, 'rate' end
  if (p.rest_until_us or 0) > at then at, why = p.rest_until_us, 'throttled' end
  if (p.open_until_us or 0) > at then at, why = p.open_until_us, 'circuit' end
  return at, why
end

-- What is kept of a learned rate. Where no quota bounds it, it grows only as far as it is used (fully used it never meets this bound):
-- a few calls an hour that go well say nothing about a hundred at once, and a rate that doubles for ever is no number in the end.
local function proven(p, rate)
  if p.cap then return rate end
  note_taken(p)
  local taken = redis.call('ZCOUNT', P .. 'sent:' .. p.route, now_us - us(p, MINUTE_S), '+inf')
  return math.min(rate, math.max(p.rate or START_RPM, START_RPM + 2 * taken))
end

-- Takes the pool's next place for a call that costs so many tokens. A wake-up that came a little late keeps the old rhythm, so lateness
-- costs no rate: less than a quarter interval, and no more than the margin leaves, or a minute could hold a call too many. `note_taken`
-- writes it down.
local function take_place(p, call, fence, tokens)
  local rate = rate_of(p)
  local fields = {}
  if rate then
    local interval, from = us(p, MINUTE_S) / rate, now_us
    local tat = p.tat_us or 0
    if tat <= now_us and now_us - tat < math.min(interval / 4, us(p, LATE_S)) and (p.rest_until_us or 0) <= tat then from = tat end
    fields.tat_us = math.floor(from + interval)
    if p.rate or not (p.cap or p.off) then fields.rate, fields.rate_us = proven(p, rate), now_us end
  end
  if p.tokens and tokens > 0 then
    fields.tokens_us = math.floor(math.max(p.tokens_us or 0, now_us) + tokens * us(p, MINUTE_S) / (p.tokens * (p.share or 1)))
  end
  if p.open_until_us then fields.probe = call end -- half open: this one finds out
  if next(fields) then write(p, fields) end
  if not p.taken then p.taken, p.sending = {}, {} end
  local n = #p.taken
  p.taken[n + 1], p.taken[n + 2] = now_text, call
  p.sending[n + 1], p.sending[n + 2] = now_us_text, call .. ':' .. fence -- until the gate knows better
end

-- The call is over, or will not be made: its place in the pool's flight is free, and a probe that told nothing lets another one go.
-- `unsent`: its name in the pool's log, if no request went out.
local function leave_pool(route, call, unsent)
  redis.call('ZREM', P .. 'flight:' .. route, call)
  if unsent then redis.call('ZREM', P .. 'sent:' .. route, unsent) end
  if field(P .. 'pool:' .. route, 'probe') == call then forget(pool_of(route), 'probe') end
end

-- The pool that a call was let go to; nil for free steps and for answers that wait.
local function pool_of_call(call)
  local route = field(call_key(call), 'pool')
  return route and route ~= '' and pool_of(route) or nil
end

-- A request goes out now. What is not refused counts as accepted. It was noted when it was let go; now its time is known.
local function pool_sent(call, fence)
  local p = pool_of_call(call)
  if not p then return end
  local name = P .. 'sent:' .. p.route
  trim(p, name, 2)
  redis.call('ZADD', name, now_us, call .. ':' .. fence)
end

-- The service took a request: it was not beyond the quota. One that was sent before the last refusal says nothing of what is now.
local function pool_accepted(call)
  local p = pool_of_call(call)
  if not p then return end
  if p.probe == call then return forget(p, 'probe', 'open_until_us', 'open_s', 'refusals') end
  local name = p.refusals and call .. ':' .. field(call_key(call), 'fence')
  local sent = name and tonumber(redis.call('ZSCORE', P .. 'sent:' .. p.route, name) or '0')
  if sent and sent >= (p.refused_us or 0) then forget(p, 'refusals') end
end

-- Calls a minute that the service took lately. A server that counts from zero in every minute may take much in one and little in the
-- next: where refusals come again and the last minute was far above the one before, both are looked at.
local function accepted_rate(p)
  local minute = us(p, MINUTE_S)
  local one = redis.call('ZCOUNT', P .. 'sent:' .. p.route, now_us - minute, '+inf')
  if not p.cut_us or now_us - p.cut_us > 2.5 * minute then return one end
  local two = redis.call('ZCOUNT', P .. 'sent:' .. p.route, now_us - 2 * minute, '+inf') / 2
  return one > 1.3 * two and two or one
end

local function cut_rate(p)
  local rate = rate_of(p)
  local accepted = accepted_rate(p)
  local again = p.cut_us and now_us - p.cut_us < AGAIN_MIN * us(p, MINUTE_S)
  local cuts = again and (p.cuts or 0) + 1 or 1
  local new = rate and math.min(0.92 ^ cuts * rate, math.max(0.5 * rate, 0.97 * accepted)) or math.max(0.97 * accepted, FIRST_CUT_RPM)
  local steady = again and p.steady or p.good
  -- The estimate was too high, as behind a bucket that has just run empty: what went well before is the better guess.
  if again and steady then new = math.min(new, math.max(0.5 * rate, steady)) end
  new = math.max(new, 0.5)
  local fields = {rate = new, rate_us = now_us, good = new, cut_us = now_us, cuts = cuts}
  if steady then fields.steady = steady end
  write(p, fields)
end

-- The service refused a request as too much: the pool rests, the rate is cut at most once in a while, and the second refusal in a row of
-- requests that were sent one after the other opens the circuit. While it is open one probe at a time finds out whether to go on.
local function pool_refused(call, fence)
  local p = pool_of_call(call)
  if not p then return end
  local name = call .. ':' .. fence
  local sent = tonumber(redis.call('ZSCORE', P .. 'sent:' .. p.route, name) or '0')
  redis.call('ZREM', P .. 'sent:' .. p.route, name)
  local refused = P .. 'refused:' .. p.route
  trim(p, refused, 1)
  redis.call('ZADD', refused, now_us, name)
  redis.call('HINCRBY', p.key, 'refused_in_all', 1)
  local was_open = p.open_until_us
  local refusals = (p.refusals or 0) + (sent >= (p.refused_us or 0) and 1 or 0)
  if p.probe == call then
    local open_s = math.min(CIRCUIT_MOST_S, (p.open_s or CIRCUIT_S) * 2)
    forget(p, 'probe')
    write(p, {open_until_us = math.floor(now_us + us(p, open_s)), open_s = open_s})
  elseif not was_open and refusals >= CIRCUIT_REFUSALS then
    write(p, {open_until_us = math.floor(now_us + us(p, CIRCUIT_S)), open_s = CIRCUIT_S})
  end
  if not was_open and not (p.cut_us and now_us - p.cut_us < us(p, HOLD_S)) then cut_rate(p) end
  write(p, {refusals = refusals, refused_us = now_us, rest_until_us = math.floor(now_us + us(p, REST_S))})
end

-- Nobody could be reached: nothing is known of the quota, but whoever asks at once is sure to hear the same.
local function pool_unreached(call, fence)
  local p = pool_of_call(call)
  if not p then return end
  redis.call('ZREM', P .. 'sent:' .. p.route, call .. ':' .. fence)
  write(p, {rest_until_us = math.floor(now_us + us(p, REST_S))})
end

-- What an attempt's failure says of its pool.
local function pool_failed(call, fence, failure)
  if failure.kind == 'throttled' then pool_refused(call, fence)
  elseif failure.kind == 'unreached' then pool_unreached(call, fence)
  elseif failure.http_status then pool_accepted(call) end
end

-- What workers and producers know of a pool's quota. Fields that are left out are not set any more.
local function set_pool(entry)
  local key = P .. 'pool:' .. entry.pool
  redis.call('SADD', P .. 'pools:' .. entry.lane, entry.pool)
  redis.call('SADD', P .. 'known_lanes', entry.lane)
  local set, gone = {}, {}
  for _, name in ipairs({'settings_rpm', 'catalogue_rpm', 'unknown', 'off', 'share', 'margin', 'scale', 'concurrency', 'tpm'}) do
    if entry[name] then
      set[#set + 1], set[#set + 2] = name, type(entry[name]) == 'number' and string.format('%.17g', entry[name]) or '1'
    else gone[#gone + 1] = name end
  end
  redis.call('HSET', key, unpack(set))
  if #gone > 0 then redis.call('HDEL', key, unpack(gone)) end
end
