-- id, fence, reason -> 'ok' | 'lost'. The job goes on elsewhere; no crash is charged.
local id, fence, reason = unpack(ARGV)
if not owns(id, fence) then return refused() end
if get(id, 'state') == 'cancelling' then ended(id, 'cancelled', '') else requeued(id, reason) end
return 'ok'
