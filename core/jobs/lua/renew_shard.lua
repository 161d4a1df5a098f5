-- id, number, fence, worker, lease (ms), images seen -> 'ok' | 'cancel' | 'drain' | 'lost'
-- Renews a shard's lease, and notes how far its process has got.
local id, number, fence, worker, lease, seen = unpack(ARGV)
local shard = read_shard(id, number)
if not shard or text(shard.fence) ~= fence or shard.worker == '' then return 'lost' end
redis.call('ZADD', P .. 'shard_leases', now + lease, lease_name(id, number))
shard.seen = tonumber(seen)
write_shard(id, number, shard)
if get(id, 'state') == 'cancelling' then return 'cancel' end
if redis.call('EXISTS', P .. 'draining:' .. worker) == 1 then return 'drain' end
return 'ok'
