-- least time waiting (ms), kinds that don't count -> 1 when a job of another kind has been queued for so long, else 0
local least, own = tonumber(ARGV[1]), {}
for i = 2, #ARGV do own[ARGV[i]] = true end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'queued', '-inf', now - least)) do
  if type_of(job_key(id)) == 'hash' and not own[get(id, 'kind') or ''] then return 1 end
end
return 0
