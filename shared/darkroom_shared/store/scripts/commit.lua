-- Records the result of a call, ends its job if it was the last, and frees the steps that wait for it: all or nothing.
-- args.call, args.fence
-- args.outputs      list of records of stored images (sha256, width, height, ...)
-- args.rejected     list of records of images a filter kept back
-- args.reason       why images are missing (may be left out)
-- args.end_attempt  how the attempt ended where no receipt told (a free local step) (may be left out)
-- Returns {committed, state of the job}; committed is 0 if the lease is lost.
local call, job = args.call, job_of(args.call)
local j = job_key(job)
if not held(call, args.fence, 'commit') then return {0, field(j, 'state') or ''} end
if args.end_attempt then end_attempt(call, args.end_attempt) end
local function extend(name, more)
  if #more == 0 then return end
  local list = cjson.decode(field(j, name) or '[]')
  for _, entry in ipairs(more) do list[#list + 1] = entry end
  redis.call('HSET', j, name, cjson.encode(list))
end
extend('outputs', args.outputs)
for _, output in ipairs(args.outputs) do hold_assets({output.sha256}) end
extend('rejected', args.rejected)
redis.call('HINCRBY', j, 'images', #args.outputs)
if args.reason then redis.call('HSET', j, 'reason_hint', args.reason) end
redis.call('HDEL', call_key(call), 'receipt')
leave_indexes(call)
set_state(call, 'commit')
local state = touch(job, 'call.commit', {call = call, images = #args.outputs, rejected = #args.rejected})
return {1, state}
