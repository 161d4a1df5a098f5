-- id, fence, state, error (JSON or '') -> 'ok' | 'lost'. Twice is once. A cancelling job ends as cancelled.
local id, fence, state, error = unpack(ARGV)
if get(id, 'ended_by') == fence then return 'ok' end
if not owns(id, fence) then return refused() end
if get(id, 'state') == 'cancelling' then state, error = 'cancelled', '' end
set(id, 'ended_by', fence)
ended(id, state, error)
return 'ok'
