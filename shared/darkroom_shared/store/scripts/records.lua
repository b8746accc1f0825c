-- The records of several jobs in one answer, for who looks through many. Changes nothing.
-- args.jobs  their ids
-- Returns a list of records in the order of the ids, each a flat list of names and values; an empty one for a job that is gone.
local out = {}
for i, id in ipairs(args.jobs) do out[i] = redis.call('HGETALL', job_key(id)) end
return out
