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
extend('rejected', args.rejected)
local images = 0
for _, output in ipairs(args.outputs) do
  hold_assets({output.sha256})
  if output.role ~= 'mask' then images = images + 1 end -- a mask is not one of the images that were wanted
end
redis.call('HINCRBY', j, 'images', images)
if args.reason then redis.call('HSET', j, 'reason_hint', args.reason) end
leave_indexes(call)
set_state(call, 'commit')
local state = touch(job, 'call.commit', {call = call, images = images, rejected = #args.rejected})
return {1, state}
