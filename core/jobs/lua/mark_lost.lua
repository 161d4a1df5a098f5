-- id, owner, id, owner, ... of jobs that were accepted -> ids of those that are not there, which are lost from now on
local ids = {}
for i = 1, #ARGV, 2 do
  if redis.call('EXISTS', job_key(ARGV[i])) == 0 then
    remember_lost(ARGV[i], ARGV[i + 1])
    ids[#ids + 1] = ARGV[i]
  end
end
return ids
