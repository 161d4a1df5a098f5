-- id, fence, outcome, due again in (ms; '' for never) -> 1, or 0 when the fence is stale
-- Settles an attempt to deliver; the same call again changes nothing.
local id, fence, outcome, again = unpack(ARGV)
if get(id, 'webhook_fence') ~= fence then return 0 end
redis.call('HINCRBY', job_key(id), 'webhook_fence', 1)
redis.call('HINCRBY', P .. 'webhook_totals', outcome, 1)
if again == '' then
  redis.call('ZREM', P .. 'webhooks', id)
else
  redis.call('HINCRBY', job_key(id), 'webhook_failures', 1)
  redis.call('ZADD', P .. 'webhooks', now + again, id)
end
return 1
