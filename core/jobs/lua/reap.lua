-- most crashes -> ids put back into the queue. What a dead worker left: queued again, or failed after too many.
local back = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'leases', '-inf', now, 'LIMIT', 0, 100)) do
  if crashed(id, tonumber(ARGV[1])) then back[#back + 1] = id end
end
return back
