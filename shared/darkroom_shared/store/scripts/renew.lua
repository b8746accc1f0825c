-- Heartbeat: extends the leases of all the calls a process works on, in one round trip.
-- args.calls     list of {call, fence}
-- args.lease_ms  new length from now; a lease that reaches further already stays
-- Returns a list of `held`, `cancel` (held, but the job was canceled) or `lost`, in the order asked.
local out = {}
for i, entry in ipairs(args.calls) do
  local c = call_key(entry[1])
  local state = field(c, 'state')
  if number(c, 'fence') == entry[2] and (state == 'claimed' or state == 'calling' or state == 'responded') then
    local until_ms = math.max(now + args.lease_ms, number(c, 'lease_ms'))
    redis.call('HSET', c, 'lease_ms', until_ms)
    redis.call('ZADD', P .. 'leases', until_ms, entry[1])
    out[i] = field(job_key(job_of(entry[1])), 'cancel_ms') and 'cancel' or 'held'
  else
    out[i] = 'lost'
  end
end
return out
