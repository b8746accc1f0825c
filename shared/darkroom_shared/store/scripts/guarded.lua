-- Counts what a guardrail was asked beside a call. One field of the call's record for each fence and gate, so that repeating it counts once.
-- args.call, args.fence
-- args.gate   before the paid call (`before`) or after it (`after`)
-- args.use    {requests, image_units, text_units}
-- Returns 1, or 0 if the call's record is gone.
local c = call_key(args.call)
if redis.call('EXISTS', c) == 0 then return 0 end
redis.call('HSET', c, 'guarded:' .. args.fence .. ':' .. args.gate, cjson.encode(args.use))
return 1
