-- Notes that a job's story is written.
-- args.job
-- Returns 1.
redis.call('ZREM', P .. 'untold', args.job)
return 1
