-- key of the place of labels, person, image ("" where several were labelled at once), how many, the longest pause within
-- a sitting, the shortest a person takes, most gaps kept, how long to keep it; times in ms
local labels, person, image, count, pause, least, most, keep = unpack(ARGV)
local paces, gaps = P .. 'pace:' .. labels, P .. 'gaps:' .. labels .. ':' .. person
local before = cjson.decode(redis.call('HGET', paces, person) or '{}')
if image ~= '' and image == before.image then return end
local gap = before.last and now - before.last
local pace = {image = image, last = now, images = (before.images or 0) + count, sittings = before.sittings or 0,
              at_once = before.at_once or 0}
if not gap or gap > tonumber(pause) then
  pace.sittings = pace.sittings + 1
elseif image ~= '' and gap >= tonumber(least) then
  redis.call('LPUSH', gaps, gap)
  redis.call('LTRIM', gaps, 0, most - 1)
end
if image == '' then pace.at_once = pace.at_once + count end
redis.call('HSET', paces, person, cjson.encode(pace))
redis.call('PEXPIRE', paces, keep)
redis.call('PEXPIRE', gaps, keep)
