-- id, worker, task, most crashes -> 1 when it was put back into the queue, else 0.
-- A worker's parent saw the process die that ran this Celery task: nobody needs to wait for the leases of what it held,
-- the job, a shard of it, or both. A holder is its worker's name, a slash, and the process.
local id, worker, task, most = unpack(ARGV)
local function held_by(holder, its_task) return its_task == task and string.sub(holder, 1, #worker + 1) == worker .. '/' end
local _, shards = plan_of(id)
for number, shard in pairs(shards) do
  if held_by(shard.worker, shard.task) then lost_shard(id, number, tonumber(most)) end
end
local state = get(id, 'state')
if state ~= 'running' and state ~= 'cancelling' then return 0 end
if not held_by(get(id, 'worker'), get(id, 'task')) then return 0 end
return crashed(id, tonumber(most), 'worker_lost') and 1 or 0
