-- Asks for the turn to look through the whole asset store, which one worker does now and then.
-- args.every_ms
-- args.ledger    a name drawn at random, which becomes the ledger's own if it has none yet
-- Returns the ledger's name if it is the asker's turn, an empty text if somebody has looked (or began to) since.
redis.call('SETNX', P .. 'ledger', args.ledger)
local last = tonumber(redis.call('GET', P .. 'swept_ms') or '0') or 0
if now - last < args.every_ms then return '' end
redis.call('SET', P .. 'swept_ms', now)
return redis.call('GET', P .. 'ledger')
