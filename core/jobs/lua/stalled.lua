-- id, fence, most crashes -> 1 when it was put back into the queue, 0 when it ended, 'lost' for a stale fence.
-- The process that runs the job does nothing any more and is about to be ended.
local id, fence, most = unpack(ARGV)
if not owns(id, fence) then return refused() end
return crashed(id, tonumber(most), 'stalled') and 1 or 0
