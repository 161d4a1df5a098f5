-- who, calls a minute -> ms until the next call is due; 0 when this one was, and it is counted then.
-- A full bucket holds a minute's calls, to be made at once. Its one number is when it will be full again (GCRA).
local key, each = P .. 'calls:' .. ARGV[1], 60000 / tonumber(ARGV[2])
local full_at = math.max(tonumber(redis.call('GET', key) or now), now) + each
if full_at > now + 60000 then return math.ceil(full_at - now - 60000) end
redis.call('SET', key, string.format('%.3f', full_at), 'PX', math.ceil(full_at - now))
return 0
