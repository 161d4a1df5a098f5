-- Stands before every script. KEYS[1] is the prefix of all keys; the only clock is Redis' own.
local P = KEYS[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function text(number) return string.format('%.0f', number) end
local function job_key(id) return P .. 'job:' .. id end
local function get(id, field) return redis.call('HGET', job_key(id), field) end
local function set(id, ...) redis.call('HSET', job_key(id), ...) end

-- Every visible change: a new revision, an event for those who follow, a nudge for those who wait.
local function changed(id, event, data)
  redis.call('HINCRBY', job_key(id), 'rev', 1)
  redis.call('XADD', P .. 'events:' .. id, 'MAXLEN', '~', 1000, '*', 'event', event, 'data', data)
  redis.call('PUBLISH', P .. 'changed', id)
end

-- A job's shards: plan fields (key, total, cursor, done), and under its number each shard that was handed out and has
-- not been committed: {start, stop, fence, worker, token, seen, crashes}. One that nobody holds has worker ''.
local function shards_key(id) return P .. 'shards:' .. id end
local function member(id, number) return id .. '#' .. number end

local function plan_of(id)
  local plan, shards, fields = {}, {}, redis.call('HGETALL', shards_key(id))
  for i = 1, #fields, 2 do
    local number = tonumber(fields[i])
    if number then shards[number] = cjson.decode(fields[i + 1]) else plan[fields[i]] = fields[i + 1] end
  end
  return plan, shards
end

local function shard_of(id, number)
  local shard = redis.call('HGET', shards_key(id), number)
  return shard and cjson.decode(shard)
end

local function set_shard(id, number, shard) redis.call('HSET', shards_key(id), number, cjson.encode(shard)) end

local function drop_shards(id)
  local _, shards = plan_of(id)
  for number in pairs(shards) do redis.call('ZREM', P .. 'shard_leases', member(id, number)) end
  redis.call('DEL', shards_key(id))
end

-- Its process died. Anybody may take the shard again; after too many deaths the job is to fail, says `poisoned`.
local function lost_shard(id, number, most)
  local shard = shard_of(id, number)
  redis.call('ZREM', P .. 'shard_leases', member(id, number))
  if not shard then return end
  redis.call('INCR', P .. 'reaped')
  shard.worker, shard.token, shard.seen, shard.crashes = '', '', 0, shard.crashes + 1
  set_shard(id, number, shard)
  if shard.crashes >= most then redis.call('HSET', shards_key(id), 'poisoned', shard.crashes) end
end

local function ended(id, state, error)
  redis.call('ZREM', P .. 'leases', id)
  redis.call('ZREM', P .. 'queued', id)
  redis.call('ZREM', P .. 'deadlines', id)
  drop_shards(id)
  redis.call('ZADD', P .. 'ended', now, id)
  redis.call('SREM', P .. 'unfinished:' .. (get(id, 'owner') or ''), id)
  redis.call('HINCRBY', P .. 'totals', get(id, 'kind') .. ':' .. state, 1)
  local started = get(id, 'started_at')
  if started then redis.call('HINCRBY', P .. 'run_ms', get(id, 'kind'), text(now - started)) end
  set(id, 'state', state, 'finished_at', text(now), 'error', error)
  changed(id, 'end', cjson.encode({state = state}))
  if get(id, 'webhook') then redis.call('ZADD', P .. 'webhooks', now, id) end
end

local function requeued(id, reason)
  local interruption = cjson.encode({reason = reason, at = now, worker = get(id, 'worker') or ''})
  redis.call('ZREM', P .. 'leases', id)
  redis.call('ZADD', P .. 'queued', now, id)
  redis.call('HINCRBY', job_key(id), 'fence', 1)
  set(id, 'state', 'queued', 'last_interruption', interruption)
  changed(id, 'state', cjson.encode({state = 'queued', reason = reason}))
end

-- Does this fence still own the job? A reap, a give-back and a new claim all move the fence on.
local function owns(id, fence)
  local state = get(id, 'state')
  return (state == 'running' or state == 'cancelling') and get(id, 'fence') == fence
end

-- What a stale fence asked for changes nothing, and is counted.
local function refused()
  redis.call('INCR', P .. 'fenced')
  return 'lost'
end

-- Is its time over? `deadline` stands in the record in ms, where the request set one.
local function overdue(id)
  local deadline = get(id, 'deadline')
  return deadline and now > tonumber(deadline)
end

-- Its process died (`worker_lost`), or did nothing for too long and was ended (`stalled`). Queued again (true), or
-- ended: cancelled if that was asked for, failed after too many crashes.
local function crashed(id, most, reason)
  local crashes = redis.call('HINCRBY', job_key(id), 'crashes', 1)
  redis.call('INCR', P .. 'reaped')
  if get(id, 'state') ~= 'cancelling' and crashes < most then
    requeued(id, reason)
    return true
  end
  redis.call('HINCRBY', job_key(id), 'fence', 1)
  if get(id, 'state') == 'cancelling' then
    ended(id, 'cancelled', '')
  else
    local what = reason == 'stalled' and 'got stuck ' or 'died '
    local detail = 'the worker process ' .. what .. crashes .. ' times while it ran this job; its log says why'
    ended(id, 'failed', cjson.encode({code = reason, detail = detail, retryable = true}))
  end
  return false
end
