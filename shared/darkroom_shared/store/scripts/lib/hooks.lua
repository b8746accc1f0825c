-- Webhooks: what happens is noted for every endpoint of the tenant that wants to know, in the script in which it happens. Workers deliver.
-- A message has one id for all endpoints; a delivery is `<message>:<endpoint>`.

-- Whether an endpoint that asked for these types (`*`, `job.*` or the type itself) wants to know of one.
local function is_wanted(types, kind)
  for _, wanted in ipairs(cjson.decode(types)) do
    if wanted == '*' or wanted == kind then return true end
    if string.sub(wanted, -2) == '.*' and string.sub(kind, 1, #wanted - 1) == string.sub(wanted, 1, -2) then return true end
  end
  return false
end

local function new_message() return 'msg_' .. now_text .. '_' .. redis.call('INCR', P .. 'messages') end

-- Puts a message into an endpoint's outbox, due at once.
local function put_out(hook, message, kind, subject)
  local delivery = message .. ':' .. hook
  local d = P .. 'delivery:' .. delivery
  redis.call('HSET', d, 'id', delivery, 'message', message, 'hook', hook, 'type', kind, 'subject', subject, 'state', 'pending', 'tries', 0,
    'created_ms', now)
  redis.call('PEXPIRE', d, 2592000000) -- 30 days
  redis.call('ZADD', P .. 'outbox:' .. hook, now, delivery)
  redis.call('SADD', P .. 'outboxes', hook)
  redis.call('ZADD', P .. 'deliveries:' .. hook, now, delivery)
  redis.call('ZREMRANGEBYRANK', P .. 'deliveries:' .. hook, 0, -1001)
  return delivery
end

-- Tells a tenant's endpoints that something happened to a job, workflow or batch.
local function notify(tenant, kind, subject)
  local hooks = tenant and redis.call('SMEMBERS', P .. 'hooks:' .. tenant) or {}
  table.sort(hooks)
  local message
  for _, hook in ipairs(hooks) do
    local types, disabled = unpack(redis.call('HMGET', P .. 'hook:' .. hook, 'types', 'disabled_ms'))
    if types and not disabled and is_wanted(types, kind) then
      message = message or new_message()
      put_out(hook, message, kind, subject)
    end
  end
end
