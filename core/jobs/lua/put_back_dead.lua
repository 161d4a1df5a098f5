-- name, most crashes -> ids that were put back into the queue
-- Takes back the jobs and shards of a process that is dead, or of a dead worker with all its processes: nobody needs to
-- wait for their leases to expire.
local dead, most = ARGV[1], tonumber(ARGV[2])
local jobs, ids, held = {}, {}, redis.call('HGETALL', holds_key(dead))
for i = 1, #held, 2 do
  local what, process = held[i], held[i + 1]
  if process == dead or string.sub(process, 1, #dead + 1) == dead .. '/' then
    local id, number = string.match(what, '^(.*)#(%d+)$')
    if id then take_back_shard(id, number, most) else jobs[#jobs + 1] = what end
    redis.call('HDEL', holds_key(dead), what)
  end
end
for _, id in ipairs(jobs) do
  if for_job(id, function() return charge_crash(id, most, 'worker_lost') end) then ids[#ids + 1] = id end
end
redis.call('ZREM', P .. 'workers', dead)
redis.call('HDEL', P .. 'processes', dead)
redis.call('DEL', P .. 'draining:' .. dead)
return ids
