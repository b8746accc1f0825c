-- Records that a call went out and no answer came back: possibly billed. With args.retry the call parks again, else it fails.
-- args.call, args.fence, args.failure, args.retry
-- Returns 1, or 0 if the lease is lost.
local call, job = args.call, job_of(args.call)
if not held(call, args.fence, 'doubt') then return 0 end
doubt_call(call, args.failure, args.retry)
return 1
