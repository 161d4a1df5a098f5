-- id, fence, key, total (images) -> 'ok' | 'lost'
-- Plans `total` images to be claimed in shards. The same key again, from whoever runs the job now, goes on with the
-- plan as far as it has got.
local id, fence, key, total = unpack(ARGV)
if not owns(id, fence) then return refuse() end
if read_plan(id).key ~= key then
  drop_shards(id)
  redis.call('HSET', shards_key(id), 'key', key, 'total', total, 'cursor', 0, 'done', 0, 'count', 0)
end
return 'ok'
