-- id, fence, most crashes -> 1 when it was put back into the queue, 0 when it ended, 'lost' for a stale fence
-- Puts back a job whose process does nothing any more and is about to be ended.
local id, fence, most = unpack(ARGV)
if not owns(id, fence) then return refuse() end
return charge_crash(id, tonumber(most), 'stalled') and 1 or 0
