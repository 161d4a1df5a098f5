-- id, kind, request, idempotency key ('' for none), fingerprint, how long the key is kept (ms),
-- deadline (ms from now, '' for none), webhook ('' for none), owner, how many of its jobs may be unfinished (0: any),
-- data roots and state folder of the stack, name of the ledger of the process that accepts ('' for none)
-- -> {id, fingerprint, 0, n}: of this job, the n-th in that ledger, or of the one that the key stands for already (n: 0)
-- -> {'', '', how many are unfinished}: too many, or {'', '', -1}: another stack's Redis
-- Records a job; the same call again changes nothing.
local id, kind, request, key, fingerprint, keep, deadline, webhook, owner, most, roots, folder, ledger = unpack(ARGV)
if not is_ours(roots, folder) then return {'', '', -1} end
if key ~= '' then
  local known = redis.call('HMGET', P .. 'idempotency:' .. key, 'id', 'fingerprint')
  local is_kept = known[1] and known[2] and is_whole(known[1]) -- a forgotten job frees its key
  if is_kept then return {known[1], known[2], 0, 0} end
end
if redis.call('EXISTS', job_key(id)) == 1 then return {id, fingerprint, 0, 0} end
local unfinished = redis.call('SCARD', P .. 'unfinished:' .. owner)
if tonumber(most) > 0 and unfinished >= tonumber(most) then
  for _, other in ipairs(redis.call('SMEMBERS', P .. 'unfinished:' .. owner)) do -- lost jobs take nobody's place
    if redis.call('EXISTS', job_key(other)) == 0 then redis.call('SREM', P .. 'unfinished:' .. owner, other) end
  end
  unfinished = redis.call('SCARD', P .. 'unfinished:' .. owner)
  if unfinished >= tonumber(most) then return {'', '', unfinished} end
end
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
local accepted = 0
if (ledger or '') ~= '' then
  accepted = redis.call('INCR', P .. 'accepted:' .. ledger)
  redis.call('PEXPIRE', P .. 'accepted:' .. ledger, 604800000)
end
return {id, fingerprint, 0, accepted}
