-- Notes that things are gone from the asset store.
-- args.things     as `purge` handed them out
-- args.handed_ms  when it did: what has been handed to somebody else since is his to report
-- Returns 1.
for _, thing in ipairs(args.things) do
  if tonumber(redis.call('ZSCORE', P .. 'removing', thing) or '-1') == args.handed_ms then
    redis.call('ZREM', P .. 'removing', thing)
    local sha256 = string.match(thing, '^asset:(.*)$')
    -- Remembered for an hour: somebody may have stored the same bytes just before, and record a job with them just after.
    if sha256 then redis.call('ZADD', P .. 'removed', now, sha256) end
  end
end
return 1
