-- Notes that the answer's bytes are stored under args.receipt, before anybody decodes them: from here on a crash costs nothing.
-- args.call, args.fence, args.receipt, args.request_id
-- Returns 1, or 0 if the lease is lost.
local call, job = args.call, job_of(args.call)
if not held(call, args.fence, 'receipt') then return 0 end
set_state(call, 'receipt')
redis.call('HSET', call_key(call), 'receipt', args.receipt)
end_attempt(call, {outcome = 'answered', billed = true, request_id = args.request_id})
touch(job, 'call.receipt', {call = call, request_id = args.request_id})
return 1
