-- Marks stored assets that no job holds for removal: a submit or a worker died after storing them. `purge` hands them out.
-- args.assets  SHA-256 of assets that were stored long ago
-- Returns how many were marked.
local marked = 0
for _, sha256 in ipairs(args.assets) do marked = marked + give_up_asset(sha256) end
return marked
