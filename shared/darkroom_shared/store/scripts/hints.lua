-- The hints of a job's, or a workflow's, calls that are admitted and not claimed: whoever submitted them may have died before publishing.
-- args.id
-- What was admitted or handed out within the last second is left out: somebody is publishing it just now.
-- args.republish_ms  the reconciler need not look at them before that
-- Returns JSON list of {call, fence, task}.
local jobs = {args.id}
local steps = field(P .. 'workflow:' .. args.id, 'steps')
if steps then
  jobs = {}
  for _, step in ipairs(cjson.decode(steps)) do jobs[#jobs + 1] = step[2] end
end
local out = {}
for _, job in ipairs(jobs) do
  for _, call in ipairs(calls_of(job)) do
    local due = tonumber(redis.call('ZSCORE', P .. 'unclaimed', call) or 'inf')
    if due <= now + args.republish_ms - 1000 and field(call_key(call), 'state') == 'admitted' then
      redis.call('ZADD', P .. 'unclaimed', now + args.republish_ms, call)
      out[#out + 1] = {call = call, fence = number(call_key(call), 'fence'), task = field(job_key(job), 'task_name'),
        queue = field(call_key(call), 'queue')}
    end
  end
end
return #out == 0 and '[]' or cjson.encode(out)
