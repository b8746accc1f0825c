-- Batches: many jobs of one submit, of which only so many are open at once. Their rows lie in the asset store; workers feed them.
-- A row is one job, or a small workflow of which the last job stands for the row: that one has the field `row` (from 1).

local function batch_key(id) return P .. 'batch:' .. id end

-- Whether a batch was started under this key: `replayed` or `conflict` (then with other rows), and its id; nil if none was.
local function known_batch(key, print)
  local known = key and redis.call('GET', P .. 'idem:' .. key)
  local entry = known and cjson.decode(known)
  if not entry or redis.call('EXISTS', batch_key(entry.id)) == 0 then return nil end
  return entry.fingerprint == print and 'replayed' or 'conflict', entry.id
end

-- A batch that takes no more rows ends with the last of its open ones.
local function end_batch_if_over(id)
  local b = batch_key(id)
  local state, fed, total, open = unpack(redis.call('HMGET', b, 'state', 'fed', 'total', 'open'))
  if tonumber(open or '0') > 0 or not state or redis.call('HEXISTS', b, 'finished_ms') == 1 or state == 'loading' then return end
  if state == 'running' and tonumber(fed) < tonumber(total) then return end
  redis.call('HSET', b, 'finished_ms', now)
  if state == 'running' then redis.call('HSET', b, 'state', 'finished') end
  redis.call('ZREM', P .. 'batches', id)
  notify(field(b, 'tenant'), 'batch.finished', id)
  redis.call('ZADD', P .. 'batch_retention', now + number(b, 'retention_ms'), id)
end

-- No row is fed any more, for `reason`.
local function stop_batch(id, state, reason)
  local b = batch_key(id)
  local before = field(b, 'state')
  if before ~= 'running' and before ~= 'loading' then return end
  redis.call('HSET', b, 'state', state, 'reason', reason)
end

-- A job that stands for a row has ended.
leave_batch = function(job, state)
  local id, row, reason = unpack(redis.call('HMGET', job_key(job), 'batch', 'row', 'reason'))
  if not id or not row then return end
  local b = batch_key(id)
  if redis.call('EXISTS', b) == 0 then return end
  redis.call('HINCRBY', b, 'open', -1)
  redis.call('HINCRBY', b, 'ended:' .. state, 1)
  if state ~= 'succeeded' and state ~= 'partial' then
    local failures = redis.call('HINCRBY', b, 'failures', 1)
    local most = tonumber(field(b, 'stop_after') or '')
    if reason == 'budget' then stop_batch(id, 'stopped', 'budget')
    elseif most and failures >= most then stop_batch(id, 'stopped', 'failures') end
  end
  end_batch_if_over(id)
end
