-- Records that a call went out and no answer came back: possibly billed.
-- args.call, args.fence, args.failure
-- args.after   `retry` (the call parks again), `hold` (it waits for a decision) or `fail`
-- args.lapsed  true if it is the reconciler who asks: only if the lease has run out
-- Returns 1, or 0 if the lease is lost (or still held by its worker).
local call = args.call
if closed(call, args.fence, 'doubt') then return 1 end
if not held(call, args.fence, 'doubt') or (args.lapsed and number(call_key(call), 'lease_ms') > now) then return 0 end
if not args.lapsed then close(call, args.fence, 'doubt') end
doubt_call(call, args.failure, args.after)
if args.lapsed then redis.call('PUBLISH', P .. 'wake', 0) end
return 1
