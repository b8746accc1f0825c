-- Decides about a call that is held because nobody knows whether its last attempt was billed.
-- args.call, args.decision = `retry` or `fail`
-- args.billed  true or false if that has become known; left out: still unknown
-- Returns 1, or 0 if the call is not held.
local call, job = args.call, job_of(args.call)
local c = call_key(call)
if not redis.call('ZSCORE', P .. 'held', call) or not allowed('park', field(c, 'state')) then return 0 end
correct_attempt(call, {billed = args.billed})
if args.decision == 'retry' then
  redis.call('HINCRBY', c, 'granted', 1) -- one more, whatever the budget
  leave_indexes(call)
  set_state(call, 'park')
  redis.call('HSET', c, 'reason', 'resolved')
  park(call, job)
  touch(job, 'call.park', {call = call, reason = 'resolved'})
  redis.call('PUBLISH', P .. 'wake', 0)
else
  local failure = last_attempt(call).failure
  redis.call('HSET', job_key(job), 'reason_hint', failure.code)
  finish_call(call, 'fail', {call = call, failure = failure})
end
return 1
