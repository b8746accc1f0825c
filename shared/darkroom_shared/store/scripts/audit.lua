-- Records what an operator did.
-- args.by, args.action, args.subject, args.detail
-- args.most  entries that are kept, or a few more
-- Returns the id of the entry.
local id = redis.call('XADD', P .. 'audit', 'MAXLEN', '~', args.most, '*', 'by', args.by, 'action', args.action, 'subject', args.subject,
  'detail', args.detail, 'at_ms', now)
return id
