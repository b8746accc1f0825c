-- Makes a webhook endpoint, or changes one. A change of its fields lets it be tried anew: what is due is sent soon.
-- args.hook, args.tenant  its id, and whose it is
-- args.fields             text fields to set: url, types, secret, old_secret, old_until_ms, name, asymmetric
-- args.clear              fields to take away
-- args.create             1 to make one
-- args.most               endpoints that a tenant may have
-- Returns 1; 0 if it is not there, or is another tenant's; -1 if the tenant has too many.
local h, owned = P .. 'hook:' .. args.hook, P .. 'hooks:' .. args.tenant
if args.create == 1 then
  if redis.call('SCARD', owned) >= args.most then return -1 end
  redis.call('HSET', h, 'id', args.hook, 'tenant', args.tenant, 'created_ms', now)
  redis.call('SADD', owned, args.hook)
elseif redis.call('SISMEMBER', owned, args.hook) == 0 then
  return 0
end
for name, value in pairs(args.fields) do redis.call('HSET', h, name, value) end
for _, name in ipairs(args.clear) do redis.call('HDEL', h, name) end
return 1
