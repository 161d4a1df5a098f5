-- id -> the state after: 'cancelled', 'cancelling', or the state it had ended in; nothing for an unknown job or a broken one
-- Cancels a queued job at once; asks whoever runs a running one to stop.
local id = ARGV[1]
if not is_whole(id) then return false end
local state = get(id, 'state')
if state == 'queued' then
  end_job(id, 'cancelled', '')
elseif state == 'running' then
  set(id, 'state', 'cancelling')
  publish(id, 'state', cjson.encode({state = 'cancelling'}))
end
return get(id, 'state')
