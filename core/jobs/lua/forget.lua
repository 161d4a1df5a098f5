-- id -> the state it was in; nothing for an unknown job
-- Forgets the job if it had ended.
local id = ARGV[1]
local state = get(id, 'state')
if state == 'succeeded' or state == 'failed' or state == 'cancelled' then
  redis.call('ZREM', P .. 'jobs_of:' .. (get(id, 'owner') or ''), id)
  redis.call('DEL', job_key(id), P .. 'events:' .. id)
  redis.call('ZREM', P .. 'jobs', id)
  redis.call('ZREM', P .. 'ended', id)
  redis.call('ZREM', P .. 'webhooks', id)
end
return state
