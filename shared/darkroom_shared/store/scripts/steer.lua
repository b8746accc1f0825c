-- Pauses, drains or resumes a lane or a tenant.
-- args.kind   `lane` or `tenant`
-- args.name
-- args.mode   `paused` (accepts, lets nothing go), `draining` (accepts nothing, lets go what waits) or `active`
-- Returns 1, or 0 if there is no such lane.
local key = P .. args.kind .. ':' .. args.name
if args.kind == 'lane' and redis.call('SISMEMBER', P .. 'known_lanes', args.name) == 0 then return 0 end
if args.mode == 'active' then redis.call('HDEL', key, 'mode') else redis.call('HSET', key, 'mode', args.mode) end
if args.kind == 'tenant' then
  redis.call('SADD', P .. 'tenants', args.name)
  rejoin(args.name)
end
redis.call('PUBLISH', P .. 'wake', 0)
return 1
