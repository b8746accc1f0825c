-- Notes that things are gone from the asset store.
-- args.things  as `purge` handed them out
-- Returns 1.
for _, thing in ipairs(args.things) do
  if redis.call('ZREM', P .. 'removing', thing) == 1 then
    local sha256 = string.match(thing, '^asset:(.*)$')
    -- Remembered for an hour: somebody may have stored the same bytes just before, and record a job with them just after.
    if sha256 then redis.call('ZADD', P .. 'removed', now, sha256) end
  end
end
return 1
