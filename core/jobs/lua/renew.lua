-- id, fence, worker, lease (ms) -> 'ok' | 'cancel' | 'deadline' | 'drain' | 'lost'
-- A lease that has run out but was not reaped is still ours: a reap would have moved the fence.
local id, fence, worker, lease = unpack(ARGV)
if not owns(id, fence) then return 'lost' end
redis.call('ZADD', P .. 'leases', now + lease, id)
if get(id, 'state') == 'cancelling' then return 'cancel' end
if overdue(id) then return 'deadline' end
if redis.call('EXISTS', P .. 'draining:' .. worker) == 1 then return 'drain' end
return 'ok'
