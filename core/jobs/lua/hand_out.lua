-- id, fence, project, person, lease in ms, names (JSON), the most people who may have each (JSON)
-- -> 'lost' | {when it ends in ms, names that were refused ...}
-- Makes the names that may be handed out the batch of this job, and nothing else.
local id, fence, project, person, lease, names, most = unpack(ARGV)
if not owns(id, fence) then return refuse() end
names, most = cjson.decode(names), cjson.decode(most)
let_batch_go(project, id)
local batches, held, ends = live_batches(project), held_key(project), text(now + lease)
local answer = {ends}
for i, name in ipairs(names) do
  local kept, people, others, is_own = {}, {}, 0, false
  for batch, mark in holders(redis.call('HGET', held, name), batches) do
    local holder = batches[batch].person
    kept[#kept + 1] = batch .. mark
    is_own = is_own or holder == person
    if not people[holder] then people[holder], others = true, others + 1 end
  end
  if is_own or others >= most[i] then
    answer[#answer + 1] = name
  else
    kept[#kept + 1] = id
    redis.call('HSET', held, name, table.concat(kept, ' '))
  end
end
if #answer <= #names then set_batch(project, id, person, ends) end
return answer
