-- Adds some rows to a batch that is being submitted.
-- args.id
-- args.chunk   SHA-256 of the asset that holds them, a line of JSON each
-- args.count   how many they are
-- args.assets  SHA-256 of every picture that they refer to
-- Returns how many of these assets were removed since they were stored (then nothing was added), or -1 if there is no such batch.
local b = batch_key(args.id)
if redis.call('EXISTS', b) == 0 then return -1 end
local names = {args.chunk}
for _, name in ipairs(args.assets) do names[#names + 1] = name end
local removed = removed_assets(names, nil)
if #removed > 0 then return #removed end
hold_assets(names, field(b, 'tenant'))
for _, name in ipairs(names) do redis.call('RPUSH', P .. 'batch_assets:' .. args.id, name) end
redis.call('RPUSH', P .. 'batch_chunks:' .. args.id, args.chunk .. ':' .. args.count)
return 0
