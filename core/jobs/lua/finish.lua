-- id, fence, state, error (JSON or '') -> 'ok' | 'lost'
-- Ends a running job; the same call again changes nothing. A cancelling job ends as cancelled.
local id, fence, state, error = unpack(ARGV)
if not is_whole(id) then return refuse() end
if get(id, 'ended_by') == fence then return 'ok' end
if not owns(id, fence) then return refuse() end
if get(id, 'state') == 'cancelling' then state, error = 'cancelled', '' end
set(id, 'ended_by', fence)
end_job(id, state, error)
return 'ok'
