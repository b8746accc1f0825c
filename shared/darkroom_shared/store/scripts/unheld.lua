-- Marks stored assets that no job holds for removal: a submit or a worker died after storing them. `purge` hands them out.
-- args.assets  SHA-256 of assets that were stored long ago
-- Returns how many were marked.
local marked = 0
for _, sha256 in ipairs(args.assets) do
  if redis.call('HEXISTS', P .. 'assets', sha256) == 0 then
    marked = marked + redis.call('ZADD', P .. 'removing', 'NX', 0, 'asset:' .. sha256)
  end
end
return marked
