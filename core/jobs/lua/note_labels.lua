-- key of the place of labels, person, lease in ms, names (JSON), whether each was labelled or its label taken back (JSON)
local labels, person, lease, names, given = unpack(ARGV)
names, given = cjson.decode(names), cjson.decode(given)
redis.call('ZREMRANGEBYSCORE', P .. 'hand_outs', '-inf', now)
for _, project in ipairs(redis.call('ZRANGE', P .. 'hand_outs', 0, -1)) do
  if string.sub(project, 1, #labels + 1) == labels .. ':' then
    local batches, at_work = live_batches(project), {}
    for i, name in ipairs(names) do
      local before, kept = redis.call('HGET', held_key(project), name), {}
      for batch, mark in holders(before, batches) do
        if batches[batch].person == person then
          mark, at_work[batch] = given[i] and '!' or '', true
        end
        kept[#kept + 1] = batch .. mark
      end
      if before then hold_name(project, name, before, table.concat(kept, ' ')) end
    end
    for batch in pairs(at_work) do set_batch(project, batch, person, text(now + lease)) end
  end
end
