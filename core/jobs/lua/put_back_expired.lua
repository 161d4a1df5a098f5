-- most crashes, the error (JSON) of a job that waited until its deadline -> ids that were put back into the queue
-- Takes back jobs and shards whose leases have expired: each is queued again, or fails after too many crashes.
-- Queued jobs whose deadline has passed end here, too; a running one hears of it when it renews its lease.
local most, late, ids = tonumber(ARGV[1]), ARGV[2], {}
for _, held in ipairs(redis.call('ZRANGEBYSCORE', P .. 'shard_leases', '-inf', now, 'LIMIT', 0, 100)) do
  local id, number = string.match(held, '^(.*)#(%d+)$')
  if id then take_back_shard(id, number, most) else redis.call('ZREM', P .. 'shard_leases', held) end
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'leases', '-inf', now, 'LIMIT', 0, 100)) do
  if for_job(id, function() return charge_crash(id, most, 'worker_lost') end) then ids[#ids + 1] = id end
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'deadlines', '-inf', now, 'LIMIT', 0, 100)) do
  for_job(id, function() if get(id, 'state') == 'queued' then end_job(id, 'failed', late) end end)
end
return ids
