-- id, number, fence, worker, lease (ms), images seen -> 'ok' | 'cancel' | 'drain' | 'lost'
local id, number, fence, worker, lease, seen = unpack(ARGV)
local shard = shard_of(id, number)
if not shard or text(shard.fence) ~= fence or shard.worker == '' then return 'lost' end
redis.call('ZADD', P .. 'shard_leases', now + lease, member(id, number))
shard.seen = tonumber(seen)
set_shard(id, number, shard)
if get(id, 'state') == 'cancelling' then return 'cancel' end
if redis.call('EXISTS', P .. 'draining:' .. worker) == 1 then return 'drain' end
return 'ok'
