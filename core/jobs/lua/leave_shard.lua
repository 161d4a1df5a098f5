-- id, number, fence, images done, seconds, failed ('1' or '') -> 'ok' | 'lost'
-- Leaves a shard whose first `done` images are in the cache. If these are all, it is committed; else anybody may claim
-- the rest.
local id, number, fence, done, seconds, failed = unpack(ARGV)
local shard = read_shard(id, number)
if not shard or text(shard.fence) ~= fence or shard.worker == '' then return refuse() end
redis.call('ZREM', P .. 'shard_leases', lease_name(id, number))
let_go(shard.worker, lease_name(id, number))
redis.call('HINCRBY', shards_key(id), 'done', done)
redis.call('HINCRBY', P .. 'shards', 'images', done)
shard.start = shard.start + done
if tonumber(done) > 0 then shard.crashes = 0 end
if shard.start < shard.stop then
  shard.worker, shard.token, shard.seen = '', '', 0
  write_shard(id, number, shard)
  if failed ~= '' then redis.call('HINCRBY', shards_key(id), 'failures', 1) end
else
  redis.call('HDEL', shards_key(id), number)
  redis.call('HINCRBY', P .. 'shards', 'committed', 1)
  redis.call('HINCRBYFLOAT', P .. 'shards', 'seconds', seconds)
end
return 'ok'
