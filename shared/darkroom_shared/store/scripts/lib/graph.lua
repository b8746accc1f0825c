-- Graphs of jobs: what a job waits for, and what happens when the last of it has ended.
-- soft   field of a job: JSON {job = 'gather' | 'watch'}, those of its needs that may end badly. Of the gathered ones `enough` (1, if not set)
--        must give results; a watched one is only looked at by the condition.
-- wants  field of a job: JSON {job = n}, how many outputs one of its needs must have given, where it is more than one.
-- when   field of a job: JSON of its condition (core/conditions.py), with jobs in place of steps.

local function ended_well(state) return state == 'succeeded' or state == 'partial' end

-- What a condition asks of a job; nil if there is no such thing.
local function value_of(asked)
  local j = job_key(asked.job)
  if asked.value == 'passed' then return ended_well(field(j, 'state')) end
  if asked.value == 'state' then return field(j, 'state') end
  if asked.value == 'count' then return number(j, 'images') end
  if asked.value == 'json' then
    local text = field(j, 'answer')
    -- A model's answer may be nested deeper than can be read here, and an error now would leave half of a commit behind.
    local readable, value = pcall(cjson.decode, text or 'null')
    if not readable then return nil end
    for _, key in ipairs(asked.path or {}) do
      if type(value) ~= 'table' then return nil end
      local place = string.match(key, '^%d+$') and #value > 0 and tonumber(key) + 1 or key
      value = value[place]
    end
    if value == cjson.null then return nil end
    return value
  end
  local first = cjson.decode(field(j, 'outputs') or '[]')[1]
  return first and first[asked.value] or nil
end

local function compare(sign, left, right)
  if sign == '==' or sign == '!=' then
    local equal = left ~= nil and type(left) ~= 'table' and type(left) == type(right) and left == right
    return equal == (sign == '==')
  end
  if type(left) ~= 'number' or type(right) ~= 'number' then return false end
  if sign == '<' then return left < right elseif sign == '<=' then return left <= right
  elseif sign == '>' then return left > right else return left >= right end
end

local function operand(part)
  if type(part) == 'table' then return value_of(part) end
  return part
end

local function holds(condition)
  if type(condition) ~= 'table' or condition.job then return operand(condition) == true end
  local word = condition[1]
  if word == 'not' then return not holds(condition[2]) end
  if word == 'and' or word == 'or' then
    for n = 2, #condition do
      if holds(condition[n]) == (word == 'or') then return word == 'or' end
    end
    return word == 'and'
  end
  return compare(word, operand(condition[2]), operand(condition[3]))
end

-- Why a job whose needs have all ended may not run; nil if it may.
local function kept_from(job)
  local soft, enough, wants, when = unpack(redis.call('HMGET', job_key(job), 'soft', 'enough', 'wants', 'when'))
  if soft then
    local gathered, well, skipped = 0, 0, 0
    for other, kind in pairs(cjson.decode(soft)) do
      if kind == 'gather' then
        local state, reason = unpack(redis.call('HMGET', job_key(other), 'state', 'reason'))
        gathered = gathered + 1
        if ended_well(state) then well = well + 1 elseif reason == 'skipped' then skipped = skipped + 1 end
      end
    end
    if gathered > 0 and well < tonumber(enough or '1') then return skipped == gathered and 'skipped' or 'dependency' end
  end
  for other, least in pairs(wants and cjson.decode(wants) or {}) do
    -- A filter kept back the very picture that it was to work on.
    if #cjson.decode(field(job_key(other), 'outputs') or '[]') < least then return 'missing_input' end
  end
  if when and not holds(cjson.decode(when)) then return 'skipped' end
end

-- A gate is reached: from now on a person may decide, for as long as the gate allows.
local function ask_a_person(job)
  local j = job_key(job)
  redis.call('HSET', call_key(job .. '.0'), 'reason', 'approval')
  redis.call('HSET', j, 'asked_ms', now)
  local within = number(j, 'gate_ms')
  if within > 0 then redis.call('ZADD', P .. 'gates', now + within, job) end
  touch(job, 'job.asked', {until_ms = within > 0 and now + within or nil})
  notify(field(j, 'tenant'), 'workflow.waiting', job)
end

-- All that a job waited for has ended: it waits for its turn now, or for a person, or ends here.
local function begin_job(job)
  local why = kept_from(job)
  if why then return cancel_job(job, why) end
  if field(job_key(job), 'kind') == 'gate' then return ask_a_person(job) end
  if not take_over(job) then release(job) end
end

-- A finished job lets its dependants start, or ends those that cannot do without its results.
free_dependants = function(job, state)
  local text, reason = unpack(redis.call('HMGET', job_key(job), 'dependants', 'reason'))
  if not text then return end
  for _, next_job in ipairs(cjson.decode(text)) do
    local its_state, soft = unpack(redis.call('HMGET', job_key(next_job), 'state', 'soft'))
    if its_state and not life.terminal_states[its_state] then
      if not ended_well(state) and not (soft and cjson.decode(soft)[job]) then
        cancel_job(next_job, reason == 'skipped' and 'skipped' or 'dependency')
      elseif redis.call('SREM', P .. 'needs:' .. next_job, job) == 1 and redis.call('SCARD', P .. 'needs:' .. next_job) == 0 then
        begin_job(next_job)
      end
    end
  end
end

-- The pictures that a gate shows, in order: rows of the outputs of the jobs before it. A picture that never came is left out.
local function shown_at(job)
  local rows, needs = {}, cjson.decode(field(job_key(job), 'needs') or '{}')
  for _, ref in ipairs(cjson.decode(field(job_key(job), 'request')).images) do
    local step, index = string.match(ref, '^%$steps%.([%w_-]+)%.outputs%[(%d+)%]$')
    local outputs = step and cjson.decode(field(job_key(needs[step]), 'outputs') or '[]') or {}
    rows[#rows + 1] = outputs[tonumber(index or -1) + 1]
  end
  return rows
end

-- Ends a gate: with the pictures `rows`, or without any if a person said no (or nobody said anything in time).
local function decide(job, rows, told)
  local j, call = job_key(job), job .. '.0'
  for n, row in ipairs(rows) do
    row.index = n - 1
    hold_assets({row.sha256}, field(j, 'tenant'))
  end
  redis.call('ZREM', P .. 'gates', job)
  redis.call('HSET', j, 'images', #rows, 'outputs', #rows > 0 and cjson.encode(rows) or '[]', 'decision', cjson.encode(told))
  if #rows > 0 then redis.call('HSET', j, 'images_wanted', #rows) else redis.call('HSET', j, 'reason_hint', 'not_approved') end
  set_state(call, 'decide')
  return touch(job, 'job.decided', {approved = told.approved})
end
