-- id, worker, most crashes -> 1 when it was put back into the queue, else 0.
-- A worker's parent saw the process die that ran the job: nobody needs to wait for the lease, unless the job is with
-- another worker by now. A running job's `worker` is its worker's name, a slash, and the process.
local id, worker, most = unpack(ARGV)
local state = get(id, 'state')
if state ~= 'running' and state ~= 'cancelling' then return 0 end
if string.sub(get(id, 'worker'), 1, #worker + 1) ~= worker .. '/' then return 0 end
return crashed(id, tonumber(most)) and 1 or 0
