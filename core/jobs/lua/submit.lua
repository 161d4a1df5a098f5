-- id, kind, request, idempotency key ('' for none), fingerprint, how long the key is kept (ms),
-- deadline (ms from now, '' for none), webhook ('' for none), owner, how many of its jobs may be unfinished (0: any)
-- -> {id, fingerprint, 0}: of this job, or of the one that the key stands for already
-- -> {'', '', how many are unfinished}: too many
-- Records a job; the same call again changes nothing.
local id, kind, request, key, fingerprint, keep, deadline, webhook, owner, most = unpack(ARGV)
if key ~= '' then
  local known = redis.call('HMGET', P .. 'idempotency:' .. key, 'id', 'fingerprint')
  local is_kept = known[1] and redis.call('EXISTS', job_key(known[1])) == 1 -- a forgotten job frees its key
  if is_kept then return {known[1], known[2], 0} end
end
if redis.call('EXISTS', job_key(id)) == 1 then return {id, fingerprint, 0} end
local unfinished = redis.call('SCARD', P .. 'unfinished:' .. owner)
if tonumber(most) > 0 and unfinished >= tonumber(most) then return {'', '', unfinished} end
set(id, 'id', id, 'kind', kind, 'state', 'queued', 'rev', 0, 'created_at', text(now), 'request', request,
    'attempt', 0, 'crashes', 0, 'fence', 0, 'owner', owner)
if webhook ~= '' then set(id, 'webhook', webhook) end
redis.call('SADD', P .. 'unfinished:' .. owner, id)
redis.call('ZADD', P .. 'jobs', now, id)
if owner ~= '' then redis.call('ZADD', P .. 'jobs_of:' .. owner, now, id) end
redis.call('ZADD', P .. 'queued', now, id)
if deadline ~= '' then
  set(id, 'deadline', text(now + deadline))
  redis.call('ZADD', P .. 'deadlines', now + deadline, id)
end
if key ~= '' then
  redis.call('HSET', P .. 'idempotency:' .. key, 'id', id, 'fingerprint', fingerprint)
  redis.call('PEXPIRE', P .. 'idempotency:' .. key, keep)
end
publish(id, 'state', cjson.encode({state = 'queued'}))
return {id, fingerprint, 0}
