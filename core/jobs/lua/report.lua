-- id, fence, progress (JSON or ''), warnings (JSON or '') -> 'ok' | 'lost'
-- Shows a running job's progress and warnings. Progress that would go back, after another process took over, is not
-- shown. Getting further than ever before clears the count of crashes: only a job that dies again and again at the same
-- place is given up.
local id, fence, progress, warnings = unpack(ARGV)
if not owns(id, fence) then return refuse() end
if warnings ~= '' and warnings ~= get(id, 'warnings') then
  set(id, 'warnings', warnings)
  publish(id, 'warnings', warnings)
end
if progress ~= '' then
  local new, old = cjson.decode(progress), decoded(get(id, 'progress'))
  if old and tonumber(old.stage_index) and tonumber(old.done) then
    if new.stage_index < old.stage_index then return 'ok' end
    if new.stage_index == old.stage_index and new.done < old.done then return 'ok' end
    if new.stage_index > old.stage_index or new.done > old.done then set(id, 'crashes', 0) end
  end
  set(id, 'progress', progress)
  publish(id, 'progress', progress)
end
return 'ok'
