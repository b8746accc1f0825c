-- Ends an attempt that may be tried again later: back-off, or a quota that said no.
-- args.call, args.fence, args.delay_ms, args.reason, args.failure
-- args.counts      false where the wait was the quota's doing: the attempt is given back
-- args.call_again   true where the stored answer is of no use: the next attempt makes a new call
-- Returns 1, or 0 if the lease is lost.
local call, job = args.call, job_of(args.call)
local c = call_key(call)
if closed(call, args.fence, 'snooze') then return 1 end
if not held(call, args.fence, 'snooze') then return 0 end
close(call, args.fence, 'snooze')
end_attempt(call, {outcome = args.reason, billed = args.failure.billed, failure = args.failure,
  request_id = args.failure.request_id})
if not args.counts and field(c, 'state') == 'calling' then
  redis.call('HINCRBY', c, 'snoozes', 1)
  local key, n = P .. 'attempts:' .. call, field(c, 'attempts')
  local kept = n and redis.call('HGET', key, n)
  if kept then -- kept for the story, under a name that no attempt number can have
    redis.call('HDEL', key, n)
    redis.call('HSET', key, 'snooze-' .. field(c, 'snoozes'), kept)
    redis.call('HINCRBY', c, 'attempts', -1)
  end
end
if args.call_again then redis.call('HDEL', c, 'receipt') end
pool_failed(call, args.fence, args.failure)
if args.failure.kind == 'throttled' then
  local lane, class, tenant = place_of(job)
  local past = tonumber(redis.call('ZSCORE', P .. 'past:' .. lane .. ':' .. class, tenant) or '0')
  local cost, reaches = cost_of(field(job_key(job), 'price_microusd')), redis.call('ZRANGE', P .. 'reaches:' .. lane, 0, -1)
  if past > 0 then charge(lane, class, tenant, past, -cost, reaches) end
end
leave_indexes(call)
if field(job_key(job), 'cancel_ms') and not field(c, 'receipt') then
  set_state(call, 'snooze')
  finish_call(call, 'cancel', {call = call, reason = field(job_key(job), 'cancel_reason')})
  return 1
end
set_state(call, 'snooze')
redis.call('HSET', c, 'reason', args.reason)
if args.failure.kind == 'throttled' then redis.call('HSET', c, 'first', 1) end
redis.call('ZADD', P .. 'snoozed', whole(now + args.delay_ms), call)
touch(job, 'call.snooze', {call = call, reason = args.reason, delay_ms = args.delay_ms, failure = args.failure})
return 1
