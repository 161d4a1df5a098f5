-- holder, most crashes -> ids put back into the queue. A process is dead, or a worker with all its processes, whose names
-- are the worker's, a slash, and their own: nobody needs to wait for the leases of what they held, jobs and shards.
local holder, most = ARGV[1], tonumber(ARGV[2])
local function its(name)
  return name and (name == holder or string.sub(name, 1, #holder + 1) == holder .. '/')
end
for _, held in ipairs(redis.call('ZRANGE', P .. 'shard_leases', 0, -1)) do
  local id, number = string.match(held, '^(.*)#(%d+)$')
  local shard = shard_of(id, number)
  if shard and its(shard.worker) then lost_shard(id, number, most) end
end
local back = {}
for _, id in ipairs(redis.call('ZRANGE', P .. 'leases', 0, -1)) do
  if its(get(id, 'worker')) and crashed(id, most, 'worker_lost') then back[#back + 1] = id end
end
redis.call('ZREM', P .. 'workers', holder)
redis.call('HDEL', P .. 'processes', holder)
redis.call('DEL', P .. 'draining:' .. holder)
return back
