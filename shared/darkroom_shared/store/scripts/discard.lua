-- Takes a job off the dead letters: nobody will replay it, and its retention begins.
-- args.job
-- Returns 1, or 0 if it is no dead letter.
if not redis.call('ZSCORE', P .. 'dead', args.job) then return 0 end
leave_dead_letters(args.job)
redis.call('HSET', job_key(args.job), 'discarded_ms', now)
return 1
