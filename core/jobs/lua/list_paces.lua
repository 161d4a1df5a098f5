-- key of the place of labels -> [{person, images, at_once, sittings, last, gaps}] as JSON, "[]" where nothing is known
local labels = ARGV[1]
local found = {}
local all = redis.call('HGETALL', P .. 'pace:' .. labels)
for i = 1, #all, 2 do
  local pace = cjson.decode(all[i + 1])
  pace.person = all[i]
  pace.gaps = table.concat(redis.call('LRANGE', P .. 'gaps:' .. labels .. ':' .. all[i], 0, -1), ' ')
  found[#found + 1] = pace
end
return #found > 0 and cjson.encode(found) or '[]'
