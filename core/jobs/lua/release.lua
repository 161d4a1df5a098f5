-- worker, most crashes -> ids put back into the queue. A worker's parent is dead, and with it its processes.
local worker, most = ARGV[1], tonumber(ARGV[2])
local function its(holder) return holder and string.sub(holder, 1, #worker + 1) == worker .. '/' end
for _, held in ipairs(redis.call('ZRANGE', P .. 'shard_leases', 0, -1)) do
  local id, number = string.match(held, '^(.*)#(%d+)$')
  local shard = shard_of(id, number)
  if shard and its(shard.worker) then lost_shard(id, number, most) end
end
local back = {}
for _, id in ipairs(redis.call('ZRANGE', P .. 'leases', 0, -1)) do
  if its(get(id, 'worker')) and crashed(id, most, 'worker_lost') then back[#back + 1] = id end
end
redis.call('ZREM', P .. 'workers', worker)
redis.call('HDEL', P .. 'processes', worker)
redis.call('DEL', P .. 'draining:' .. worker)
return back
