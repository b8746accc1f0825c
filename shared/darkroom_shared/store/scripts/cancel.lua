-- Cancels a job: at once where nothing was paid yet, otherwise when the call under way ends. Asking twice is safe.
-- args.job, args.reason
-- args.discard  true: the images of a call that is paid already are not kept, unless equal jobs wait for them
-- Returns {outcome, state}: `prevented` (nothing billed by it), `detached` (a paid call goes on), `finished`, `gone`.
local j = job_key(args.job)
local state = field(j, 'state')
if not state then return {'gone', ''} end
if life.terminal_states[state] then return {'finished', state} end
local asked = field(j, 'cancel_ms')
if args.discard and not is_awaited(args.job) then redis.call('HSET', j, 'cancel_discard', 1) end
local _, detached = cancel_job(args.job, args.reason)
if not asked and not life.terminal_states[field(j, 'state')] then touch(args.job, 'job.cancel', {reason = args.reason}) end
redis.call('PUBLISH', P .. 'wake', 0)
return {detached > 0 and 'detached' or 'prevented', field(j, 'state')}
