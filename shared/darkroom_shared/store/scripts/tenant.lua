-- Sets what a tenant may do.
-- args.tenant
-- args.fields   {weight, running, queued, queue_ms, guardrail}: all but the last numbers; those left out stay as they are
-- args.clear    list of the names that are not set any more
-- Returns 1.
local key = P .. 'tenant:' .. args.tenant
for name, value in pairs(args.fields) do
  redis.call('HSET', key, name, type(value) == 'number' and string.format('%.17g', value) or value)
end
for _, name in ipairs(args.clear) do redis.call('HDEL', key, name) end
redis.call('SADD', P .. 'tenants', args.tenant)
rejoin(args.tenant)
redis.call('PUBLISH', P .. 'wake', 0)
return 1
