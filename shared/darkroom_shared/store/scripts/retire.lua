-- Marks models as retired for the whole fleet, or takes marks back.
-- args.marks   list of {model, source (`worker` or `aws`), text}: a mark that is there already stays as it is
-- args.revive  list of models whose marks are taken back
-- Returns the models whose mark was set or taken back now.
local key, changed = P .. 'retired', {}
for _, mark in ipairs(args.marks) do
  local told = cjson.encode({at_ms = now, source = mark.source, text = mark.text})
  if redis.call('HSETNX', key, mark.model, told) == 1 then changed[#changed + 1] = mark.model end
end
for _, model in ipairs(args.revive) do
  if redis.call('HDEL', key, model) == 1 then changed[#changed + 1] = model end
end
return changed
