-- Hands out what is to be delivered now, each to one worker for so long; a worker that dies leaves it to the next.
-- args.limit     deliveries, at most
-- args.most      deliveries of one endpoint that may be under way at once: a slow one keeps no other waiting
-- args.lease_ms  how long one is handed out
-- Returns {{record of the delivery, record of its endpoint}, ...}.
local out = {}
local hooks = redis.call('SMEMBERS', P .. 'outboxes')
table.sort(hooks)
-- Each time another endpoint comes first.
local first = #hooks > 0 and now % #hooks or 0
for n = 1, #hooks do
  local hook = hooks[(first + n - 1) % #hooks + 1]
  local h, o, busy = P .. 'hook:' .. hook, P .. 'outbox:' .. hook, P .. 'hook_busy:' .. hook
  if redis.call('EXISTS', h) == 0 or redis.call('ZCARD', o) == 0 then
    redis.call('SREM', P .. 'outboxes', hook)
  elseif redis.call('HEXISTS', h, 'disabled_ms') == 0 then
    redis.call('ZREMRANGEBYSCORE', busy, '-inf', now)
    local room = math.min(args.most - redis.call('ZCARD', busy), args.limit - #out)
    local due = room > 0 and redis.call('ZRANGEBYSCORE', o, '-inf', now, 'LIMIT', 0, room) or {}
    for _, delivery in ipairs(due) do
      local d = P .. 'delivery:' .. delivery
      if redis.call('EXISTS', d) == 0 then
        redis.call('ZREM', o, delivery)
      else
        redis.call('ZADD', o, now + args.lease_ms, delivery)
        redis.call('ZADD', busy, now + args.lease_ms, delivery)
        redis.call('HINCRBY', d, 'tries', 1)
        out[#out + 1] = {redis.call('HGETALL', d), redis.call('HGETALL', h)}
      end
    end
  end
end
return out
