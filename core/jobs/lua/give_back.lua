-- project, person ('': whoever has it), job id ('': of any batch), names (JSON; '': all) -> how many were not labelled
local project, person, id, names = unpack(ARGV)
local batches, count = live_batches(project), 0
local function is_meant(batch) return (id == '' or id == batch) and (person == '' or person == batches[batch].person) end
if names == '' then names = redis.call('HKEYS', held_key(project)) else names = cjson.decode(names) end
for _, name in ipairs(names) do
  local before, kept = redis.call('HGET', held_key(project), name), {}
  for batch, mark in holders(before, batches) do
    if not is_meant(batch) then
      kept[#kept + 1] = batch .. mark
    elseif mark == '' then
      count = count + 1
    end
  end
  if before then hold_name(project, name, before, table.concat(kept, ' ')) end
end
return count
