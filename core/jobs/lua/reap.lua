-- most crashes, the error (JSON) of a job that waited until its deadline -> ids put back into the queue. What a dead worker left: queued again, or failed after too many.
-- Queued jobs whose deadline has passed end here, too; a running one is told when it renews its lease.
local most, late, back = tonumber(ARGV[1]), ARGV[2], {}
for _, held in ipairs(redis.call('ZRANGEBYSCORE', P .. 'shard_leases', '-inf', now, 'LIMIT', 0, 100)) do
  local id, number = string.match(held, '^(.*)#(%d+)$')
  lost_shard(id, number, most)
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'leases', '-inf', now, 'LIMIT', 0, 100)) do
  if crashed(id, most, 'worker_lost') then back[#back + 1] = id end
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'deadlines', '-inf', now, 'LIMIT', 0, 100)) do
  if get(id, 'state') == 'queued' then ended(id, 'failed', late) end
end
return back
