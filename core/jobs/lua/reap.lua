-- most crashes -> ids put back into the queue. What a dead worker left: queued again, or failed after too many.
local most = tonumber(ARGV[1])
local back = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'leases', '-inf', now, 'LIMIT', 0, 100)) do
  local crashes = redis.call('HINCRBY', job_key(id), 'crashes', 1)
  redis.call('INCR', P .. 'reaped')
  if get(id, 'state') == 'cancelling' then
    redis.call('HINCRBY', job_key(id), 'fence', 1)
    ended(id, 'cancelled', '')
  elseif crashes >= most then
    redis.call('HINCRBY', job_key(id), 'fence', 1)
    local detail = 'the worker process died ' .. crashes .. ' times while it ran this job; its log says why'
    ended(id, 'failed', cjson.encode({code = 'worker_lost', detail = detail, retryable = true}))
  else
    requeued(id, 'worker_lost')
    back[#back + 1] = id
  end
end
return back
