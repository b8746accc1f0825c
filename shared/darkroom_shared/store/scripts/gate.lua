-- The last look before money is spent: fence, cancel, deadline, call budget, the budgets of its workflow and batch, the day's spending.
-- Opens an attempt and renews the lease, which the heartbeat keeps from then on.
-- args.call, args.fence, args.lease_ms, args.attempt = {worker, region, model}
-- args.call_budget        attempts in all
-- args.price_microusd     what the call will cost (left out where the price is not known)
-- args.spend_per_day      most that all calls of one UTC day may cost, in millionths of a dollar (left out: no limit)
-- Returns {verdict, attempt}: `go`, `canceled`, `expired`, `exhausted`, `spent` (put off: the day's money is gone) or `stale`.
local call, job = args.call, job_of(args.call)
local c, j = call_key(call), job_key(job)
-- Sent again after its answer got lost: only the one holder of this fence can have opened it.
if field(c, 'state') == 'calling' and number(c, 'fence') == args.fence then return {'go', number(c, 'attempts')} end
if not held(call, args.fence, 'gate') then return {'stale', 0} end
if field(j, 'cancel_ms') then
  finish_call(call, 'cancel', {call = call, reason = field(j, 'cancel_reason')})
  return {'canceled', 0}
end
local finish_by = number(j, 'finish_by_ms')
if finish_by > 0 and finish_by <= now then
  finish_call(call, 'expire', {call = call})
  return {'expired', 0}
end
if number(c, 'attempts') >= args.call_budget + number(c, 'granted') then
  redis.call('HSET', j, 'reason_hint', 'attempts_exhausted')
  finish_call(call, 'fail', {call = call, failure = {code = 'attempts_exhausted', message = 'The call budget is used up.'}})
  return {'exhausted', 0}
end
-- Every attempt takes its price from the budget before it begins, so calls that run at once cannot go beyond it together.
local accounts = redis.call('HMGET', j, 'workflow', 'batch')
for n, kind in ipairs({'workflow:', 'batch:'}) do
  local budget = accounts[n] and args.price_microusd ~= 0 and field(P .. kind .. accounts[n], 'budget_microusd')
  if budget and (not args.price_microusd or number(P .. kind .. accounts[n], 'spent_microusd') + args.price_microusd > tonumber(budget)) then
    if redis.call('HEXISTS', c, 'todo_rows') == 1 then -- only what was to be made again is not: the job keeps what it has
      finish_call(call, 'expire', {call = call, reason = 'budget'})
      return {'expired', 0}
    end
    cancel_job(job, 'budget') -- its other calls, too
    finish_call(call, 'cancel', {call = call, reason = field(j, 'cancel_reason')})
    return {'canceled', 0}
  end
end
local day = math.floor(now / 86400000)
if args.price_microusd and args.price_microusd > 0 then
  local spent = number(P .. 'spend', day)
  if args.spend_per_day and spent + args.price_microusd > args.spend_per_day then
    leave_indexes(call)
    set_state(call, 'snooze')
    redis.call('HSET', c, 'reason', 'spend_limit')
    -- Not before midnight, but look again now and then: the limit may have been raised.
    redis.call('ZADD', P .. 'snoozed', whole(math.min((day + 1) * 86400000, now + 600000)), call)
    touch(job, 'call.snooze', {call = call, reason = 'spend_limit'})
    return {'spent', 0}
  end
  spend(job, day, args.price_microusd)
  for _, old in ipairs(redis.call('HKEYS', P .. 'spend')) do
    if tonumber(old) <= day - 3 then redis.call('HDEL', P .. 'spend', old) end
  end
end
pool_sent(call, args.fence)
local n = redis.call('HINCRBY', c, 'attempts', 1)
set_state(call, 'gate')
redis.call('HSET', c, 'lease_ms', now + args.lease_ms)
redis.call('ZADD', P .. 'leases', now + args.lease_ms, call)
local attempt = args.attempt
attempt.attempt, attempt.fence, attempt.started_ms, attempt.outcome = n, args.fence, now, 'calling'
attempt.price_microusd = args.price_microusd
if args.price_microusd then attempt.spend_day = day end
redis.call('HSET', P .. 'attempts:' .. call, n, cjson.encode(attempt))
touch(job, 'call.gate', {call = call, attempt = n})
return {'go', n}
