-- -> {kind, state, jobs, kind, state, jobs, ...}: how many jobs have not ended
local counts, answer = {}, {}
for _, zset in ipairs({'queued', 'leases'}) do
  for _, id in ipairs(redis.call('ZRANGE', P .. zset, 0, -1)) do
    if is_whole(id) then
      local group = get(id, 'kind') .. ':' .. get(id, 'state')
      counts[group] = (counts[group] or 0) + 1
    end
  end
end
for group, count in pairs(counts) do
  local kind, state = string.match(group, '^(.*):(.*)$')
  answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = kind, state, count
end
return answer
