-- Ends a gate of a workflow by a person's word.
-- args.job
-- args.approve  whether the workflow goes on
-- args.chosen   numbers of the pictures that are handed on, counted from 0 (left out: all of them)
-- args.by, args.note  who said so, and what else (may be left out)
-- Returns {verdict, pictures}: `decided`, `already` (somebody, or time, was first), `not_asked` (it is not its turn yet), `bad_choice`
-- (a picture that is not shown, one twice, or another number of them than the gate asks for) or `gone`; and how many pictures are shown.
local job = args.job
local j = job_key(job)
local state, kind, request = unpack(redis.call('HMGET', j, 'state', 'kind', 'request'))
if not state or kind ~= 'gate' then return {'gone', 0} end
local rows = shown_at(job)
if life.terminal_states[state] then return {'already', #rows} end
if not field(j, 'asked_ms') or not allowed('decide', field(call_key(job .. '.0'), 'state')) then return {'not_asked', #rows} end
local told = {approved = args.approve, by = args.by, note = args.note, at_ms = now, shown = #rows}
if not args.approve then
  decide(job, {}, told)
  return {'decided', #rows}
end
local wanted = cjson.decode(request).gate.choose
local chosen = args.chosen
if not chosen then
  chosen = {}
  for n = 1, #rows do chosen[n] = n - 1 end
end
if wanted and #chosen ~= wanted then return {'bad_choice', #rows} end
local picked, taken = {}, {}
for n, index in ipairs(chosen) do
  if not rows[index + 1] or taken[index] then return {'bad_choice', #rows} end
  taken[index] = true
  picked[n] = rows[index + 1]
end
if #picked == 0 then return {'bad_choice', #rows} end
told.chosen = chosen
decide(job, picked, told)
redis.call('PUBLISH', P .. 'wake', 0)
return {'decided', #rows}
