-- -> {kind, state, jobs, kind, state, jobs, ...} of the jobs that have not ended.
local counts, told = {}, {}
for _, zset in ipairs({'queued', 'leases'}) do
  for _, id in ipairs(redis.call('ZRANGE', P .. zset, 0, -1)) do
    local fields = redis.call('HMGET', job_key(id), 'kind', 'state')
    local group = (fields[1] or '') .. ':' .. (fields[2] or '')
    counts[group] = (counts[group] or 0) + 1
  end
end
for group, count in pairs(counts) do
  local kind, state = string.match(group, '^(.*):(.*)$')
  told[#told + 1], told[#told + 2], told[#told + 3] = kind, state, count
end
return told
