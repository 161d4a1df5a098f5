-- id, fence, reason -> 'ok' | 'lost'
-- Puts the job back into the queue, as asked by whoever holds it; no crash is charged. A cancelling job ends instead.
local id, fence, reason = unpack(ARGV)
if not owns(id, fence) then return refuse() end
if get(id, 'state') == 'cancelling' then end_job(id, 'cancelled', '') else put_back(id, reason) end
return 'ok'
