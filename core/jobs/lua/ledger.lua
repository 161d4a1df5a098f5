-- name of a ledger, how many jobs stand in it -> how many of them Redis knows of; fewer where it went back
-- From then on it counts on from what the ledger has.
local key, count = P .. 'accepted:' .. ARGV[1], tonumber(ARGV[2])
if count == 0 then return 0 end
local kept = tonumber(redis.call('GET', key)) or 0
redis.call('SET', key, text(math.max(kept, count)), 'PX', 604800000)
return kept
