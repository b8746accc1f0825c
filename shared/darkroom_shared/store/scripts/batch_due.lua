-- Which rows of which batches may be fed now.
-- args.most  rows of one batch at most
-- Returns JSON: list of {id, row, count, chunk, offset}: `count` rows from number `row` (from 1) on, which are the lines of the chunk from
-- `offset` (from 0) on.
local out = {}
for _, id in ipairs(redis.call('ZRANGE', P .. 'batches', 0, -1)) do
  local b = batch_key(id)
  local state, fed, total, open, parallel, finish_by = unpack(redis.call('HMGET', b, 'state', 'fed', 'total', 'open', 'parallel', 'finish_by_ms'))
  fed, total, open = tonumber(fed or '0'), tonumber(total or '0'), tonumber(open or '0')
  if state == 'running' and finish_by and tonumber(finish_by) <= now then
    stop_batch(id, 'expired', 'deadline')
    state = 'expired'
  end
  local room = math.min(tonumber(parallel or '1') - open, total - fed, args.most)
  if state == 'running' and room > 0 then
    local before = 0
    for _, entry in ipairs(redis.call('LRANGE', P .. 'batch_chunks:' .. id, 0, -1)) do
      local chunk, count = string.match(entry, '^(%x+):(%d+)$')
      if fed < before + tonumber(count) then
        out[#out + 1] = {id = id, row = fed + 1, count = math.min(room, before + tonumber(count) - fed), chunk = chunk, offset = fed - before}
        break
      end
      before = before + tonumber(count)
    end
  else end_batch_if_over(id) end
end
return #out == 0 and '[]' or cjson.encode(out)
