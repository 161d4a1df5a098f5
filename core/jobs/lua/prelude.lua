-- This text stands before every script. KEYS[1] is the prefix of all keys; the only clock is Redis' own.
-- A worker is a parent process with its pool of processes. A process is named `<worker>/<process id>`, and it is
-- processes that hold jobs and shards: the field `worker` of a record or a shard has such a name.
local P = KEYS[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function text(number) return string.format('%.0f', number) end
local function job_key(id) return P .. 'job:' .. id end
local function get(id, field) return redis.call('HGET', job_key(id), field) end
local function set(id, ...) redis.call('HSET', job_key(id), ...) end

-- What the processes of one worker hold is a hash: job id, or <job id>#<number> of a shard -> name of the process.
local function holds_key(process) return P .. 'holds:' .. (string.match(process, '^(.*)/[^/]*$') or process) end
local function hold(process, what) redis.call('HSET', holds_key(process), what, process) end
local function let_go(process, what)
  if process and process ~= '' then redis.call('HDEL', holds_key(process), what) end
end

-- Makes a change visible: the job gets a new revision, those who follow get an event, those who wait get a nudge.
local function publish(id, event, data)
  redis.call('HINCRBY', job_key(id), 'rev', 1)
  redis.call('XADD', P .. 'events:' .. id, 'MAXLEN', '~', 1000, '*', 'event', event, 'data', data)
  redis.call('PUBLISH', P .. 'changed', id)
end

-- The hash of a job's shards has the fields of the plan (key, total, cursor, done), and under its number each shard
-- that was handed out and has not been committed: {start, stop, fence, worker, token, seen, crashes}. A shard that
-- nobody holds has '' for a worker.
local function shards_key(id) return P .. 'shards:' .. id end
local function lease_name(id, number) return id .. '#' .. number end

local function read_plan(id)
  local plan, shards, fields = {}, {}, redis.call('HGETALL', shards_key(id))
  for i = 1, #fields, 2 do
    local number = tonumber(fields[i])
    if number then shards[number] = cjson.decode(fields[i + 1]) else plan[fields[i]] = fields[i + 1] end
  end
  return plan, shards
end

local function read_shard(id, number)
  local shard = redis.call('HGET', shards_key(id), number)
  return shard and cjson.decode(shard)
end

local function write_shard(id, number, shard) redis.call('HSET', shards_key(id), number, cjson.encode(shard)) end

local function drop_shards(id)
  local _, shards = read_plan(id)
  for number, shard in pairs(shards) do
    redis.call('ZREM', P .. 'shard_leases', lease_name(id, number))
    let_go(shard.worker, lease_name(id, number))
  end
  redis.call('DEL', shards_key(id))
end

-- Takes a shard back from a process that died: anybody may claim it now. After too many deaths on one shard the plan is
-- marked as poisoned, and whoever runs the job lets it fail.
local function take_back_shard(id, number, most)
  local shard = read_shard(id, number)
  redis.call('ZREM', P .. 'shard_leases', lease_name(id, number))
  if not shard then return end
  redis.call('INCR', P .. 'reaped')
  let_go(shard.worker, lease_name(id, number))
  shard.worker, shard.token, shard.seen, shard.crashes = '', '', 0, shard.crashes + 1
  write_shard(id, number, shard)
  if shard.crashes >= most then redis.call('HSET', shards_key(id), 'poisoned', shard.crashes) end
end

-- Ends a job for good: it stands in no queue, holds nothing, and is counted; its webhook is due.
local function end_job(id, state, error)
  redis.call('ZREM', P .. 'leases', id)
  let_go(get(id, 'worker'), id)
  redis.call('ZREM', P .. 'queued', id)
  redis.call('ZREM', P .. 'deadlines', id)
  drop_shards(id)
  redis.call('ZADD', P .. 'ended', now, id)
  redis.call('SREM', P .. 'unfinished:' .. (get(id, 'owner') or ''), id)
  redis.call('HINCRBY', P .. 'totals', get(id, 'kind') .. ':' .. state, 1)
  local started = get(id, 'started_at')
  if started then redis.call('HINCRBY', P .. 'run_ms', get(id, 'kind'), text(now - started)) end
  set(id, 'state', state, 'finished_at', text(now), 'error', error)
  publish(id, 'end', cjson.encode({state = state}))
  if get(id, 'webhook') then redis.call('ZADD', P .. 'webhooks', now, id) end
end

-- Puts a running job back into the queue. Its fence moves on, so whoever ran it changes nothing any more.
local function put_back(id, reason)
  local interruption = cjson.encode({reason = reason, at = now, worker = get(id, 'worker') or ''})
  redis.call('ZREM', P .. 'leases', id)
  let_go(get(id, 'worker'), id)
  redis.call('ZADD', P .. 'queued', now, id)
  redis.call('HINCRBY', job_key(id), 'fence', 1)
  set(id, 'state', 'queued', 'last_interruption', interruption)
  publish(id, 'state', cjson.encode({state = 'queued', reason = reason}))
end

-- Does this fence still own the job? It moves on whenever the job is put back or claimed.
local function owns(id, fence)
  local state = get(id, 'state')
  return (state == 'running' or state == 'cancelling') and get(id, 'fence') == fence
end

-- Refuses what a stale fence asks for, and counts that.
local function refuse()
  redis.call('INCR', P .. 'fenced')
  return 'lost'
end

-- Has the job's deadline passed? `deadline` stands in the record in ms, where the request set one.
local function is_overdue(id)
  local deadline = get(id, 'deadline')
  return deadline and now > tonumber(deadline)
end

-- Charges a job with a crash: its process died (reason 'worker_lost'), or did nothing for too long and is being ended
-- ('stalled'). Returns true when the job was put back; otherwise it has ended, as cancelled if that was asked for, as
-- failed after too many crashes.
local function charge_crash(id, most, reason)
  local crashes = redis.call('HINCRBY', job_key(id), 'crashes', 1)
  redis.call('INCR', P .. 'reaped')
  if get(id, 'state') ~= 'cancelling' and crashes < most then
    put_back(id, reason)
    return true
  end
  redis.call('HINCRBY', job_key(id), 'fence', 1)
  if get(id, 'state') == 'cancelling' then
    end_job(id, 'cancelled', '')
  else
    local what = reason == 'stalled' and 'got stuck ' or 'died '
    local detail = 'the worker process ' .. what .. crashes .. ' times while it ran this job; its log says why'
    end_job(id, 'failed', cjson.encode({code = reason, detail = detail, retryable = true}))
  end
  return false
end
