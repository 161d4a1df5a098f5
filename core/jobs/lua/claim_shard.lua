-- id, process, token (of this very call), lease (ms), images wanted, images at least, data roots and state folder
-- -> {number, start, stop, fence, key}, or nothing: all images are taken, or nobody runs the job nor will.
-- Hands out a shard: first what a dead process left, then the next images of the plan, as many as wanted, and fewer
-- towards the end, so that all processes that work on it are done at about the same time.
local id, process, token, lease, want, least, roots, folder = unpack(ARGV)
if not is_ours(roots, folder) or not is_whole(id) then return false end
local state = get(id, 'state')
if state ~= 'running' and state ~= 'queued' then return false end -- queued: whoever ran it died, its shards go on
local plan, shards = read_plan(id)
if not plan.key or plan.poisoned then return false end
local holders, number, shard = 1, nil, nil
for other, one in pairs(shards) do
  if one.token == token then return {other, one.start, one.stop, text(one.fence), plan.key} end
  if one.worker ~= '' then
    holders = holders + 1
  elseif not number or other < number then
    number, shard = other, one
  end
end
if not shard then
  local start, left = tonumber(plan.cursor), plan.total - plan.cursor
  if left <= 0 then return false end
  local share = math.ceil(left / (2 * holders))
  local size = math.min(left, tonumber(want), math.max(tonumber(least), share))
  number = redis.call('HINCRBY', shards_key(id), 'count', 1)
  redis.call('HSET', shards_key(id), 'cursor', text(start + size))
  shard = {start = start, stop = start + size, crashes = 0}
end
shard.worker, shard.token, shard.seen = process, token, 0
shard.fence = redis.call('HINCRBY', job_key(id), 'shard_fence', 1)
write_shard(id, number, shard)
redis.call('ZADD', P .. 'shard_leases', now + lease, lease_name(id, number))
hold(process, lease_name(id, number))
return {number, shard.start, shard.stop, text(shard.fence), plan.key}
