-- Notes that a tenant has stored a picture that no job of it holds yet: until one does, this is why it may read it and name it in a request.
-- args.tenant, args.sha256
-- args.keep_ms  how long it counts; a picture that no job holds is removed some time after
-- Returns 1, or 0 if the picture was removed lately: then it is to be stored again.
local lately = #removed_assets({args.sha256}) > 0
redis.call('SET', P .. 'uploaded:' .. args.tenant .. ':' .. args.sha256, 1, 'PX', args.keep_ms)
return lately and 0 or 1
