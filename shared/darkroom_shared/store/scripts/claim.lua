-- Gives a worker the lease of an admitted call, if the message's fence is the newest.
-- args.call, args.fence, args.worker, args.lease_ms
-- args.token   drawn anew for each claim, by which one that is sent again after its answer got lost is told from a repeated message
-- Returns JSON {verdict, job, call, retired, guardrail}: verdict `claimed`, `adopted` (a stored answer waits to be decoded), `canceled`, `expired` or
-- `stale` (a repeated or outdated message: leave quietly). `job` and `call` are the whole records for the first two; `retired`: a call would
-- go to a model that is marked; `guardrail`: the tenant's, if it has one.
local call, job = args.call, job_of(args.call)
local c, j = call_key(args.call), job_key(job)
local again = number(c, 'fence') == args.fence and field(c, 'claim_token') == args.token
if not again and not held(call, args.fence, 'claim') then return cjson.encode({verdict = 'stale'}) end
local receipt = field(c, 'receipt')
local event = receipt and 'adopt' or 'claim'
if not receipt and not again then
  if field(j, 'cancel_ms') then
    finish_call(call, 'cancel', {call = call, reason = field(j, 'cancel_reason')})
    return cjson.encode({verdict = 'canceled'})
  end
  local start_by, finish_by = number(j, 'start_by_ms'), number(j, 'finish_by_ms')
  if (start_by > 0 and start_by <= now and not field(j, 'started_ms')) or (finish_by > 0 and finish_by <= now) then
    finish_call(call, 'expire', {call = call})
    return cjson.encode({verdict = 'expired'})
  end
end
if not again then
  set_state(call, event)
  redis.call('HSET', c, 'worker', args.worker, 'lease_ms', now + args.lease_ms, 'claim_token', args.token)
  redis.call('ZREM', P .. 'unclaimed', call)
  redis.call('SREM', P .. 'pending:' .. (field(c, 'queue') or 'darkroom'), call)
  redis.call('SADD', P .. 'work:' .. args.worker, call)
  redis.call('ZADD', P .. 'leases', now + args.lease_ms, call)
  touch(job, 'call.' .. event, {call = call, fence = args.fence, worker = args.worker})
end
local inputs = {}
local needs = field(j, 'needs')
if needs then
  for step, from in pairs(cjson.decode(needs)) do inputs[step] = field(job_key(from), 'outputs') or '[]' end
end
local marked = not receipt and redis.call('HEXISTS', P .. 'retired', field(j, 'model') or '') == 1 or nil
return cjson.encode({verdict = receipt and 'adopted' or 'claimed', job = record(j), call = record(c), inputs = inputs, retired = marked,
  guardrail = field(P .. 'tenant:' .. (field(j, 'tenant') or ''), 'guardrail')})
