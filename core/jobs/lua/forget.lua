-- id, 'broken' if it can't be read -> the state it was in; nothing for an unknown job
-- Forgets the job if it had ended, or if its record is broken ('broken').
local id = ARGV[1]
if ARGV[2] == 'broken' or not is_whole(id) then
  if not is_known(id) then return false end
  give_up(id)
  redis.call('ZREM', P .. 'lost', id)
  redis.call('HDEL', P .. 'lost_owners', id)
  return 'broken'
end
local state = get(id, 'state')
if state == 'succeeded' or state == 'failed' or state == 'cancelled' then
  redis.call('ZREM', P .. 'jobs_of:' .. (get(id, 'owner') or ''), id)
  redis.call('DEL', job_key(id), P .. 'events:' .. id)
  redis.call('ZREM', P .. 'jobs', id)
  redis.call('ZREM', P .. 'ended', id)
  redis.call('ZREM', P .. 'webhooks', id)
end
return state
