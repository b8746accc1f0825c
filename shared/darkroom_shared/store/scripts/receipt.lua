-- Notes that the answer's bytes are stored under args.receipt, before anybody decodes them: from here on a crash costs nothing.
-- args.call, args.fence, args.receipt, args.request_id
-- args.lease_ms  what is left to do takes seconds, not minutes: the long lease of the gate ends here
-- Returns 1, or 0 if the lease is lost.
local call, job = args.call, job_of(args.call)
local c = call_key(call)
-- Sent again after its answer got lost: what it asked for is done. Saying "lost" would make the worker throw the paid answer away.
if field(c, 'state') == 'responded' and number(c, 'fence') == args.fence and field(c, 'receipt') == args.receipt then return 1 end
if not held(call, args.fence, 'receipt') then return 0 end
set_state(call, 'receipt')
redis.call('HSET', c, 'receipt', args.receipt, 'lease_ms', now + args.lease_ms)
redis.call('ZADD', P .. 'leases', now + args.lease_ms, call)
end_attempt(call, {outcome = 'answered', billed = true, request_id = args.request_id})
touch(job, 'call.receipt', {call = call, request_id = args.request_id})
return 1
