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

local function ended(id, state, error)
  redis.call('ZREM', P .. 'leases', id)
  redis.call('ZREM', P .. 'queued', id)
  redis.call('ZADD', P .. 'ended', now, id)
  redis.call('SREM', P .. 'unfinished:' .. (get(id, 'owner') or ''), id)
  redis.call('HINCRBY', P .. 'totals', get(id, 'kind') .. ':' .. state, 1)
  set(id, 'state', state, 'finished_at', text(now), 'error', error)
  changed(id, 'end', cjson.encode({state = state}))
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

-- Its process died. Queued again (true), or ended: cancelled if that was asked for, failed after too many crashes.
local function crashed(id, most)
  local crashes = redis.call('HINCRBY', job_key(id), 'crashes', 1)
  redis.call('INCR', P .. 'reaped')
  if get(id, 'state') ~= 'cancelling' and crashes < most then
    requeued(id, 'worker_lost')
    return true
  end
  redis.call('HINCRBY', job_key(id), 'fence', 1)
  if get(id, 'state') == 'cancelling' then
    ended(id, 'cancelled', '')
  else
    local detail = 'the worker process died ' .. crashes .. ' times while it ran this job; its log says why'
    ended(id, 'failed', cjson.encode({code = 'worker_lost', detail = detail, retryable = true}))
  end
  return false
end
