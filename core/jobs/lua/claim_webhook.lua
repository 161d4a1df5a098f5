-- how long it is held (ms) -> {id, fence, url, failures} of the delivery due the longest, or nothing when none is due
-- Hands out a delivery. Nobody else gets it while it is held; if whoever took it dies, it is due again after that time.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'webhooks', '-inf', now, 'LIMIT', 0, 100)) do
  if is_whole(id) and get(id, 'webhook') then
    redis.call('ZADD', P .. 'webhooks', now + ARGV[1], id)
    local fence = redis.call('HINCRBY', job_key(id), 'webhook_fence', 1)
    return {id, fence, get(id, 'webhook'), tonumber(get(id, 'webhook_failures') or 0)}
  end
  redis.call('ZREM', P .. 'webhooks', id)
end
return false
