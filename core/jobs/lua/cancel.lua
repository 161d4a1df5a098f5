-- id -> the state after: 'cancelled', 'cancelling', or the state it had ended in; nothing for an unknown job.
local id = ARGV[1]
local state = get(id, 'state')
if state == 'queued' then
  ended(id, 'cancelled', '')
elseif state == 'running' then
  set(id, 'state', 'cancelling')
  changed(id, 'state', cjson.encode({state = 'cancelling'}))
end
return get(id, 'state')
