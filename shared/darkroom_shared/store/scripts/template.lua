-- Saves a document of a workflow under the next version of its name. What is saved never changes.
-- args.tenant, args.name
-- args.document  the document as JSON
-- args.most      how many versions a name may have
-- Returns {version, new}: an equal document is the version that it is already (new = 0); version 0: the name has as many as it may.
local key = P .. 'template:' .. args.tenant .. ':' .. args.name
local versions = redis.call('HLEN', key)
for n = versions, 1, -1 do
  if redis.call('HGET', key, n) == args.document then return {n, 0} end
end
if versions >= args.most then return {0, 0} end
redis.call('HSET', key, versions + 1, args.document)
redis.call('SADD', P .. 'templates:' .. args.tenant, args.name)
return {versions + 1, 1}
