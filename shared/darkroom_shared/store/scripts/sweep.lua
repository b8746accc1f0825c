-- Asks for the turn to look through the whole asset store, which one worker does now and then.
-- args.every_ms
-- Returns 1 if it is the asker's turn, 0 if somebody has looked (or began to) since.
local last = tonumber(redis.call('GET', P .. 'swept_ms') or '0') or 0
if now - last < args.every_ms then return 0 end
redis.call('SET', P .. 'swept_ms', now)
return 1
