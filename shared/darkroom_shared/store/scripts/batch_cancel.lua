-- Cancels a batch: no row is fed any more, and what has not begun is canceled.
-- args.id
-- Returns {verdict, prevented, detached}: `canceled`, `finished` or `gone`; how many calls were prevented, and how many paid ones go on.
local b = batch_key(args.id)
if redis.call('EXISTS', b) == 0 then return {'gone', 0, 0} end
if field(b, 'finished_ms') then return {'finished', 0, 0} end
stop_batch(args.id, 'canceled', 'user')
local prevented, detached = 0, 0
local jobs_of_rows = redis.call('LRANGE', P .. 'batch_jobs:' .. args.id, 0, -1)
for n = #jobs_of_rows, 1, -1 do -- the newest first: rows that wait for an equal one must not each lead in turn
  local job = jobs_of_rows[n]
  local state, workflow = unpack(redis.call('HMGET', job_key(job), 'state', 'workflow'))
  if state and not life.terminal_states[state] then
    local jobs = {job}
    if workflow then
      jobs = {}
      for _, step in ipairs(cjson.decode(field(P .. 'workflow:' .. workflow, 'steps') or '[]')) do table.insert(jobs, 1, step[2]) end
    end
    for _, one in ipairs(jobs) do
      local its_state = field(job_key(one), 'state')
      if its_state and not life.terminal_states[its_state] then
        local stopped, goes_on = cancel_job(one, 'user')
        prevented, detached = prevented + stopped, detached + goes_on
      end
    end
  end
end
end_batch_if_over(args.id)
return {'canceled', prevented, detached}
