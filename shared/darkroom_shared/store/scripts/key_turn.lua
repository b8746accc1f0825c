-- Gives an API key another secret. The one that it had opens for a while longer; one before that does not.
-- args.key, args.sha256  its id, and the hash of the new secret
-- args.overlap_ms        how long the old one still opens
-- Returns 1, or 0 if there is no such key, or it was revoked or is over.
local k = P .. 'key:' .. args.key
local ends = tonumber(redis.call('HGET', k, 'expires_ms')) or now + 1
if redis.call('EXISTS', k) == 0 or redis.call('HEXISTS', k, 'revoked_ms') == 1 or ends <= now then return 0 end
local old = redis.call('HGET', k, 'sha256')
if old ~= args.sha256 then
  redis.call('HSET', k, 'sha256', args.sha256, 'old_sha256', old, 'old_until_ms', now + args.overlap_ms, 'turned_ms', now)
end
return 1
