-- project -> {batches: {job id: {person, ends}}, held: {name: holders}} as JSON, of what is not over
local project = ARGV[1]
local batches, held = live_batches(project), {}
local all = redis.call('HGETALL', held_key(project))
for i = 1, #all, 2 do
  local kept = {}
  for batch, mark in holders(all[i + 1], batches) do kept[#kept + 1] = batch .. mark end
  local now_held = table.concat(kept, ' ')
  hold_name(project, all[i], all[i + 1], now_held)
  if now_held ~= '' then held[all[i]] = now_held end
end
return cjson.encode({batches = batches, held = held})
