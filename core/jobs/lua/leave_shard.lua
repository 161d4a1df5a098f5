-- id, number, fence, images done, seconds, failed ('1' or '') -> 'ok' | 'lost'
-- The first `done` images of the shard are in the cache. All of them: it is committed. Else anybody may take the rest.
local id, number, fence, done, seconds, failed = unpack(ARGV)
local shard = shard_of(id, number)
if not shard or text(shard.fence) ~= fence or shard.worker == '' then return refused() end
redis.call('ZREM', P .. 'shard_leases', member(id, number))
redis.call('HINCRBY', shards_key(id), 'done', done)
redis.call('HINCRBY', P .. 'shards', 'images', done)
shard.start = shard.start + done
if tonumber(done) > 0 then shard.crashes = 0 end
if shard.start < shard.stop then
  shard.worker, shard.token, shard.seen = '', '', 0
  set_shard(id, number, shard)
  if failed ~= '' then redis.call('HINCRBY', shards_key(id), 'failures', 1) end
else
  redis.call('HDEL', shards_key(id), number)
  redis.call('HINCRBY', P .. 'shards', 'committed', 1)
  redis.call('HINCRBYFLOAT', P .. 'shards', 'seconds', seconds)
end
return 'ok'
