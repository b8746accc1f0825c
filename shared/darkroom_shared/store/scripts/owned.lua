-- Which of these assets a tenant may read: those that a job or batch of it holds, and those that it stored lately.
-- args.tenant, args.assets
-- Returns them.
local out = {}
for _, sha256 in ipairs(args.assets) do
  if redis.call('HEXISTS', P .. 'assets:' .. args.tenant, sha256) == 1 or redis.call('EXISTS', P .. 'uploaded:' .. args.tenant .. ':' .. sha256) == 1 then
    out[#out + 1] = sha256
  end
end
return out
