-- Records the result of a call, ends its job if it was the last, and frees the steps that wait for it: all or nothing.
-- args.call, args.fence
-- args.outputs      list of records of what is stored, pictures or documents (sha256, role, ...)
-- args.rejected     list of records of images a filter kept back
-- args.refused      the outputs are kept, but count for nothing: the job ends as rejected for `reason` (may be left out)
-- args.failed       list of records of pictures that did not pass their checks: made again, with other seeds, while that may be; else they
--                   are rejected (may be left out)
-- args.again_microusd  what making those again will cost (left out where that is not known)
-- args.warnings     sentences on the result for a person (may be left out)
-- args.answer       the answer in JSON, as text, for the conditions of other steps (may be left out)
-- args.usage        what the model counted for the answer, as JSON (may be left out)
-- args.reason       why images are missing (may be left out)
-- args.end_attempt  how the attempt ended where no receipt told (a free local step) (may be left out)
-- args.stored_ms    time of the answer `put_again` after which they were stored (left out the first time)
-- Returns {verdict, state of the job}: `done`, `lost` (another worker's call now), or `put_again` and the time (nothing was written: retention
-- removes, or has just removed, one of these pictures of another job; store them again, then ask again).
local call, job = args.call, job_of(args.call)
local j = job_key(job)
if closed(call, args.fence, 'commit') then return {'done', field(j, 'state')} end
if not held(call, args.fence, 'commit') then return {'lost', field(j, 'state') or ''} end
-- Before its call was made a job can only be refused (by a guardrail, say): pictures come from an answer.
if #args.outputs > 0 and allowed('gate', field(call_key(call), 'state')) then return {'lost', field(j, 'state') or ''} end
-- Nothing came but refusals of which AWS does not say whether they are billed.
local unclear = #args.outputs == 0 and #args.rejected > 0
for _, row in ipairs(args.rejected) do unclear = unclear and (row.billed == nil or row.billed == cjson.null) end
if field(j, 'cancel_discard') then -- asked for after the worker had looked
  for _, output in ipairs(args.outputs) do give_up_asset(output.sha256) end
  args.outputs = {}
end
local names = {}
for _, output in ipairs(args.outputs) do names[#names + 1] = output.sha256 end
if #removed_assets(names, args.stored_ms) > 0 then return {'put_again', field(j, 'state'), now} end
close(call, args.fence, 'commit')
if args.end_attempt then
  pool_accepted(call) -- it was answered, if only with a refusal of what was asked for
  end_attempt(call, args.end_attempt)
end
if unclear then doubt_price(call) end
local EXTRA = {mask = true, original = true} -- beside an image; everything else is one of the results that were wanted
-- Results first, in the order in which they were asked for, whichever call was done first.
local function before(one, other)
  local rank, others = EXTRA[one.role] and 1 or 0, EXTRA[other.role] and 1 or 0
  if rank ~= others then return rank < others end
  return one.index < other.index
end
local function extend(name, more)
  if #more == 0 then return end
  local list = cjson.decode(field(j, name) or '[]')
  for _, entry in ipairs(more) do list[#list + 1] = entry end
  if number(j, 'calls') > 1 then table.sort(list, before) end
  redis.call('HSET', j, name, cjson.encode(list))
end
-- Whether the pictures that failed may be made again: there are rerolls left, nobody has canceled, there is time, and money.
local function may_reroll()
  if number(j, 'rerolled') >= number(j, 'rerolls') or field(j, 'cancel_ms') or not allowed('reroll', field(call_key(call), 'state')) then return false end
  local finish_by = number(j, 'finish_by_ms')
  if finish_by > 0 and finish_by <= now then return false end
  local accounts = redis.call('HMGET', j, 'workflow', 'batch')
  for n, kind in ipairs({'workflow:', 'batch:'}) do
    local budget = accounts[n] and field(P .. kind .. accounts[n], 'budget_microusd')
    local again = budget and args.again_microusd
    if budget and (not again or number(P .. kind .. accounts[n], 'spent_microusd') + again > tonumber(budget)) then return false end
  end
  return true
end
local failed = args.failed or {}
local again = #failed > 0 and may_reroll()
extend('outputs', args.outputs)
extend('rejected', args.rejected)
extend(again and 'rerolled_rows' or 'rejected', failed)
for _, warning in ipairs(args.warnings or {}) do
  local list = cjson.decode(field(j, 'warnings') or '[]')
  list[#list + 1] = warning
  redis.call('HSET', j, 'warnings', cjson.encode(list))
end
if args.answer then redis.call('HSET', j, 'answer', args.answer) end
if args.usage then redis.call('HSET', call_key(call), 'usage', args.usage) end
local images = 0
for _, output in ipairs(args.outputs) do
  hold_assets({output.sha256}, field(j, 'tenant'))
  if not EXTRA[output.role] and not args.refused then images = images + 1 end
end
redis.call('HINCRBY', j, 'images', images)
if args.reason then redis.call('HSET', j, 'reason_hint', args.reason) end
if #failed > 0 and not again then redis.call('HSETNX', j, 'reason_hint', 'check_failed') end
redis.call('HDEL', call_key(call), 'todo_rows')
leave_indexes(call)
if again then
  local todo = {}
  for _, row in ipairs(failed) do todo[#todo + 1] = row.index end
  redis.call('HINCRBY', j, 'rerolled', 1)
  redis.call('HINCRBY', call_key(call), 'rerolls', 1)
  redis.call('HINCRBY', call_key(call), 'granted', 1) -- it is no retry of an attempt that failed
  redis.call('HDEL', call_key(call), 'receipt', 'request_id')
  redis.call('HSET', call_key(call), 'todo', cjson.encode(todo), 'todo_rows', cjson.encode(failed), 'reason', 'check_failed')
  set_state(call, 'reroll')
  park(call, job)
  local state = touch(job, 'call.reroll', {call = call, images = images, again = #failed})
  redis.call('PUBLISH', P .. 'wake', 0)
  return {'done', state}
end
set_state(call, 'commit')
local state = touch(job, 'call.commit', {call = call, images = images, rejected = #args.rejected})
return {'done', state}
