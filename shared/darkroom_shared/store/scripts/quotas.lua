-- Records the quotas that AWS told of. A worker's settings stay above them, the catalogue's numbers below.
-- args.quotas   list of {lane, pool, rpm, concurrency, tpm}
-- Returns how many pools have another quota now.
local changed = 0
for _, entry in ipairs(args.quotas) do
  local key, differs = P .. 'pool:' .. entry.pool, false
  for from, to in pairs({rpm = 'aws_rpm', concurrency = 'aws_concurrency', tpm = 'aws_tpm'}) do
    local new = entry[from] and string.format('%.17g', entry[from]) or nil
    if field(key, to) ~= new then
      differs = true
      if new then redis.call('HSET', key, to, new) else redis.call('HDEL', key, to) end
    end
  end
  redis.call('HSET', key, 'aws_ms', now)
  redis.call('SADD', P .. 'pools:' .. entry.lane, entry.pool)
  redis.call('SADD', P .. 'known_lanes', entry.lane)
  if differs then changed = changed + 1 end
end
if changed > 0 then redis.call('PUBLISH', P .. 'wake', 0) end
return changed
