-- Jobs by their creation, newest first, from a place in that order on. New jobs come before it, so that no page shows a job twice.
-- args.tenant      whose; left out: everybody's
-- args.job, args.created_ms  the last job of the page before; left out: from the newest on
-- args.most
-- Returns a job and its creation, ms, by turns.
local key = P .. 'jobs' .. (args.tenant and ':' .. args.tenant or '')
local first = 0
if args.job then
  local rank = redis.call('ZREVRANK', key, args.job)
  if not rank then -- its retention is over, and so is that of most that are older
    return redis.call('ZREVRANGEBYSCORE', key, '(' .. whole(args.created_ms), '-inf', 'WITHSCORES', 'LIMIT', 0, args.most)
  end
  first = rank + 1
end
return redis.call('ZREVRANGE', key, first, first + args.most - 1, 'WITHSCORES')
