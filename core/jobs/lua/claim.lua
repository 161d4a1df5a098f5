-- id, process, token (of this very call: a repeated call gets the same answer), lease (ms), the error (JSON)
-- that a job ends with when its deadline has passed, data roots and state folder of the stack
-- -> {fence, attempt, kind, request}, or nothing when there is nothing to claim; 'foreign' in another stack's Redis.
local id, process, token, lease, late, roots, folder = unpack(ARGV)
if not is_ours(roots, folder) then return 'foreign' end
if not is_whole(id) then
  if is_known(id) then give_up(id) end
  return false
end
local state = get(id, 'state')
if state == 'queued' and is_overdue(id) then
  end_job(id, 'failed', late)
  return false
elseif state == 'queued' then
  redis.call('ZREM', P .. 'queued', id)
  redis.call('ZADD', P .. 'leases', now + lease, id)
  hold(process, id)
  redis.call('HINCRBY', job_key(id), 'attempt', 1)
  redis.call('HINCRBY', job_key(id), 'fence', 1)
  if redis.call('HSETNX', job_key(id), 'started_at', text(now)) == 1 then
    redis.call('HINCRBY', P .. 'wait_ms', get(id, 'kind'), text(now - get(id, 'created_at')))
    redis.call('HINCRBY', P .. 'started', get(id, 'kind'), 1)
  end
  set(id, 'state', 'running', 'worker', process, 'token', token)
  publish(id, 'state', cjson.encode({state = 'running', worker = process}))
elseif not (state == 'running' and get(id, 'token') == token) then
  return false
end
return redis.call('HMGET', job_key(id), 'fence', 'attempt', 'kind', 'request')
