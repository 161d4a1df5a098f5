-- id, kind, request, idempotency key ('' for none), fingerprint, how long the key is kept (ms),
-- deadline (ms from now, '' for none), webhook ('' for none)
-- -> {id, fingerprint}: of this job, or of the one that the key stands for already. Twice is once.
local id, kind, request, key, fingerprint, keep, deadline, webhook = unpack(ARGV)
if key ~= '' then
  local known = redis.call('HMGET', P .. 'idempotency:' .. key, 'id', 'fingerprint')
  if known[1] and redis.call('EXISTS', job_key(known[1])) == 1 then return known end -- a forgotten job frees its key
end
if redis.call('EXISTS', job_key(id)) == 1 then return {id, fingerprint} end
set(id, 'id', id, 'kind', kind, 'state', 'queued', 'rev', 0, 'created_at', text(now), 'request', request,
    'attempt', 0, 'crashes', 0, 'fence', 0)
if webhook ~= '' then set(id, 'webhook', webhook) end
redis.call('ZADD', P .. 'jobs', now, id)
redis.call('ZADD', P .. 'queued', now, id)
if deadline ~= '' then
  set(id, 'deadline', text(now + deadline))
  redis.call('ZADD', P .. 'deadlines', now + deadline, id)
end
if key ~= '' then
  redis.call('HSET', P .. 'idempotency:' .. key, 'id', id, 'fingerprint', fingerprint)
  redis.call('PEXPIRE', P .. 'idempotency:' .. key, keep)
end
changed(id, 'state', cjson.encode({state = 'queued'}))
return {id, fingerprint}
