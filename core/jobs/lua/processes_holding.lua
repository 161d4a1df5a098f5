-- worker -> names of its processes that hold a job or a shard, some twice
local names = {}
for _, process in ipairs(redis.call('HVALS', P .. 'holds:' .. ARGV[1])) do
  if string.find(process, '/', 1, true) then names[#names + 1] = process end
end
return names
