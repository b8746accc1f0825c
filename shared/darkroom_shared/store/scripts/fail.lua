-- Ends a call for good.
-- args.call, args.fence, args.failure, args.reason
-- Returns 1, or 0 if the lease is lost.
local call, job = args.call, job_of(args.call)
if closed(call, args.fence, 'fail') then return 1 end
if not held(call, args.fence, 'fail') then return 0 end
close(call, args.fence, 'fail')
pool_failed(call, args.fence, args.failure)
end_attempt(call, {outcome = 'failed', billed = args.failure.billed, failure = args.failure, request_id = args.failure.request_id})
redis.call('HSET', job_key(job), 'reason_hint', args.reason, 'failure', cjson.encode(args.failure))
finish_call(call, 'fail', {call = call, failure = args.failure})
return 1
