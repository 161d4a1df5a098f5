-- id, fence, worker, lease (ms) -> 'ok' | 'cancel' | 'deadline' | 'drain' | 'lost'
-- Renews a job's lease. One that has expired is still ours until the job is put back, which moves the fence on.
local id, fence, worker, lease = unpack(ARGV)
if not owns(id, fence) then return 'lost' end
redis.call('ZADD', P .. 'leases', now + lease, id)
if get(id, 'state') == 'cancelling' then return 'cancel' end
if is_overdue(id) then return 'deadline' end
if redis.call('EXISTS', P .. 'draining:' .. worker) == 1 then return 'drain' end
return 'ok'
