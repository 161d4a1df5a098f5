-- id -> {images done (also those seen in shards under way), images that nobody holds, shards under way, failures of
-- helpers, crashes on the shard that poisoned the plan or 0}
local plan, shards = read_plan(ARGV[1])
local done, free, held = tonumber(plan.done or 0), (plan.total or 0) - (plan.cursor or 0), 0
for _, shard in pairs(shards) do
  done = done + shard.seen
  if shard.worker ~= '' then held = held + 1 else free = free + shard.stop - shard.start end
end
return {done, free, held, tonumber(plan.failures or 0), tonumber(plan.poisoned or 0)}
