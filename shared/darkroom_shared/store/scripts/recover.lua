-- Hands over an answer that was found after its call had been given up for unknown, or whose worker died before it could note it.
-- args.call, args.receipt, args.request_id
-- args.fence   of the attempt that it belongs to; left out: the last one
-- args.lapsed  true if it is the reconciler who asks: only if the lease has run out
-- Returns 1, or 0 if the call is not in a state that could use it.
local call = args.call
local c = call_key(call)
local fence = args.fence or number(c, 'fence')
if not held(call, fence, 'recover') then return 0 end
local attempt = last_attempt(call)
if not attempt or attempt.fence ~= fence or field(c, 'receipt') then return 0 end
if field(c, 'state') == 'calling' and not (args.lapsed and number(c, 'lease_ms') <= now) then return 0 end
if field(c, 'state') ~= 'calling' and attempt.outcome ~= 'unknown' then return 0 end
recover_call(call, args.receipt, args.request_id)
return 1
