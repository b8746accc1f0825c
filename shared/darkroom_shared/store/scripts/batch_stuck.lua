-- Notes that the next row of a batch cannot be read. If nobody could read it for long, the batch takes no more rows.
-- args.id, args.row
-- args.most_ms
-- Returns 1 if the batch was given up, else 0.
local b = batch_key(args.id)
if field(b, 'state') ~= 'running' then return 0 end
local row, since = unpack(redis.call('HMGET', b, 'stuck_row', 'stuck_ms'))
if tonumber(row or '-1') ~= args.row then
  redis.call('HSET', b, 'stuck_row', args.row, 'stuck_ms', now)
  return 0
end
if now - tonumber(since) < args.most_ms then return 0 end
stop_batch(args.id, 'stopped', 'rows_unreadable')
end_batch_if_over(args.id)
return 1
