-- worker -> names of its processes that hold a job or a shard, some twice.
local worker, names = ARGV[1], {}
local function note(name)
  if name and string.sub(name, 1, #worker + 1) == worker .. '/' then names[#names + 1] = name end
end
for _, id in ipairs(redis.call('ZRANGE', P .. 'leases', 0, -1)) do note(get(id, 'worker')) end
for _, held in ipairs(redis.call('ZRANGE', P .. 'shard_leases', 0, -1)) do
  local shard = shard_of(string.match(held, '^(.*)#(%d+)$'))
  if shard then note(shard.worker) end
end
return names
