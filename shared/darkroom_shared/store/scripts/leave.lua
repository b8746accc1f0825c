-- A worker takes its slots away: no more calls are admitted for it. What it works on goes on under its leases.
-- args.worker
-- Returns 1.
redis.call('ZREM', P .. 'workers', args.worker)
redis.call('DEL', P .. 'worker:' .. args.worker)
return 1
