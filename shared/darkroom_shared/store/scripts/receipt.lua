-- Notes that the answer's bytes are stored under args.receipt, before anybody decodes them: from here on a crash costs nothing.
-- args.call, args.fence, args.receipt, args.request_id
-- args.lease_ms  what is left to do takes seconds, not minutes: the long lease of the gate ends here
-- Returns a verdict: `noted`; `discard` (noted, but the job was canceled and its images are not wanted); `recovered` (the lease is lost, but
-- nobody has called again: the answer waits to be adopted by whoever comes next); `lost` (another attempt has begun, or the call has ended).
local call, job = args.call, job_of(args.call)
local c = call_key(call)
local noted = field(job_key(job), 'cancel_discard') and 'discard' or 'noted'
-- Sent again after its answer got lost: what it asked for is done. Saying "lost" would make the worker throw the paid answer away.
-- Or the reconciler found it, and by now somebody else adopts it: it must stay.
if field(c, 'receipt') == args.receipt then
  return number(c, 'fence') == args.fence and field(c, 'state') == 'responded' and noted or 'recovered'
end
if held(call, args.fence, 'receipt') then
  pool_accepted(call)
  set_state(call, 'receipt')
  redis.call('HSET', c, 'receipt', args.receipt, 'lease_ms', now + args.lease_ms)
  redis.call('ZADD', P .. 'leases', now + args.lease_ms, call)
  local attempt, lane = last_attempt(call), P .. 'lane:' .. field(job_key(job), 'lane')
  if attempt then -- how long a call takes, smoothed: for predictions
    local took, known = math.max(0, now - attempt.started_ms), tonumber(field(lane, 'took_ms') or '')
    redis.call('HSET', lane, 'took_ms', whole(known and 0.9 * known + 0.1 * took or took))
  end
  end_attempt(call, {outcome = 'answered', billed = true, request_id = args.request_id})
  touch(job, 'call.receipt', {call = call, request_id = args.request_id})
  return noted
end
-- Too late for its lease, but perhaps not for the call: as long as nobody has called again, whoever prepares to is spared it.
local attempt = allowed('recover', field(c, 'state') or 'gone') and not field(c, 'receipt') and last_attempt(call)
if not attempt or attempt.fence ~= args.fence or attempt.outcome ~= 'unknown' then return 'lost' end
recover_call(call, args.receipt, args.request_id)
return 'recovered'
