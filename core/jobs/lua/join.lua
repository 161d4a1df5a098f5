-- data roots, state folder, process, how long a process counts as alive (ms) -> {}, or {data roots, state folder} of the
-- stack whose Redis this is, when it is another and one of its processes is alive
-- Shows that the process is alive. The first one of all says whose Redis it is, and so does the first after the last.
local roots, state, process, alive = unpack(ARGV)
redis.call('ZREMRANGEBYSCORE', P .. 'members', '-inf', now - alive)
if not is_ours(roots, state) then
  redis.call('ZREM', P .. 'members', process)
  if redis.call('ZCARD', P .. 'members') > 0 then return redis.call('HMGET', P .. 'stack', 'roots', 'state') end
  redis.call('DEL', P .. 'stack')
end
local known = redis.call('HGET', P .. 'stack', 'state') or ''
redis.call('HSET', P .. 'stack', 'roots', roots, 'state', state ~= '' and state or known)
redis.call('ZADD', P .. 'members', now, process)
return {}
