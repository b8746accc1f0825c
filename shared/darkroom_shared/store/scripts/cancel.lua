-- Cancels a job: at once where nothing was paid yet, otherwise when the call under way ends. Asking twice is safe.
-- args.job, args.reason
-- Returns {outcome, state}: `prevented` (nothing billed by it), `detached` (a paid call goes on, its image is kept), `finished`, `gone`.
local j = job_key(args.job)
local state = field(j, 'state')
if not state then return {'gone', ''} end
if life.terminal_states[state] then return {'finished', state} end
local _, detached = cancel_job(args.job, args.reason)
if not life.terminal_states[field(j, 'state')] then touch(args.job, 'job.cancel', {reason = args.reason}) end
redis.call('PUBLISH', P .. 'wake', 0)
return {detached > 0 and 'detached' or 'prevented', field(j, 'state')}
