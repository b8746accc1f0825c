-- The workers whose registration has not run out.
-- Returns JSON list of {worker, slots, host, pid, started_ms, queue, lanes}, all text.
local out = {}
for _, worker in ipairs(redis.call('ZRANGEBYSCORE', P .. 'workers', now + 1, '+inf')) do
  local entry = record(P .. 'worker:' .. worker)
  entry.worker = worker
  out[#out + 1] = entry
end
return #out == 0 and '[]' or cjson.encode(out)
