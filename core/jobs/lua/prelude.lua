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

local function type_of(key) return redis.call('TYPE', key).ok end

-- Does the record have all that every record begins with? Where it has not, Redis lost it or a part of it (it evicted the
-- key, or a replica took over that lacked it), or something else wrote it. No script may write into such a record: what
-- would come of it is half a job.
local STATES = {queued = 1, running = 1, cancelling = 1, succeeded = 1, failed = 1, cancelled = 1}
local function is_whole(id)
  if type_of(job_key(id)) ~= 'hash' then return false end
  local fields = redis.call('HMGET', job_key(id), 'rev', 'created_at', 'attempt', 'crashes', 'fence', 'kind', 'state',
                            'request', 'id')
  for i = 1, #fields do
    if not fields[i] or (i <= 5 and not (#fields[i] <= 15 and string.match(fields[i], '^%d+$'))) then return false end
  end
  return fields[9] == id and STATES[fields[7]] == 1
end

-- Is there anything of that job?
local function is_known(id)
  if redis.call('EXISTS', job_key(id)) == 1 then return true end
  for _, zset in ipairs({'jobs', 'queued', 'leases', 'ended', 'deadlines', 'webhooks'}) do
    if redis.call('ZSCORE', P .. zset, id) then return true end
  end
  return false
end

-- Makes a change visible: the job gets a new revision, those who follow get an event, those who wait get a nudge.
local function publish(id, event, data)
  local events = P .. 'events:' .. id
  if type_of(events) ~= 'stream' then redis.call('DEL', events) end
  redis.call('HINCRBY', job_key(id), 'rev', 1)
  redis.call('XADD', events, 'MAXLEN', '~', 1000, '*', 'event', event, 'data', data)
  redis.call('PUBLISH', P .. 'changed', id)
end

-- The hash of a job's shards has the fields of the plan (key, total, cursor, done), and under its number each shard
-- that was handed out and has not been committed: {start, stop, fence, worker, token, seen, crashes}. A shard that
-- nobody holds has '' for a worker.
local function shards_key(id) return P .. 'shards:' .. id end
local function lease_name(id, number) return id .. '#' .. number end

-- Reads JSON that is an object; nothing else is anything.
local function decoded(json)
  local ok, value = pcall(cjson.decode, json or '')
  return ok and type(value) == 'table' and value
end

local function decoded_shard(json)
  local shard = decoded(json)
  if not shard or type(shard.worker) ~= 'string' then return false end
  for _, field in ipairs({'start', 'stop', 'fence', 'seen', 'crashes'}) do
    if type(shard[field]) ~= 'number' then return false end
  end
  return shard
end

local function read_plan(id)
  local plan, shards = {}, {}
  if type_of(shards_key(id)) ~= 'hash' then return plan, shards end
  local fields = redis.call('HGETALL', shards_key(id))
  for i = 1, #fields, 2 do
    local number = tonumber(fields[i])
    if number then shards[number] = decoded_shard(fields[i + 1]) or nil else plan[fields[i]] = fields[i + 1] end
  end
  return plan, shards
end

local function read_shard(id, number)
  if type_of(shards_key(id)) ~= 'hash' then return false end
  return decoded_shard(redis.call('HGET', shards_key(id), number))
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
  if not is_whole(id) then drop_shards(id) return end
  redis.call('INCR', P .. 'reaped')
  let_go(shard.worker, lease_name(id, number))
  shard.worker, shard.token, shard.seen, shard.crashes = '', '', 0, shard.crashes + 1
  write_shard(id, number, shard)
  if shard.crashes >= most then redis.call('HSET', shards_key(id), 'poisoned', shard.crashes) end
end

-- Remembers that a job is lost, whose it was, and counts it. The last 10,000 are known, for those who ask.
local function remember_lost(id, owner)
  if #id > 68 or not string.match(id, '^job_[0-9a-z_]+$') then return end -- it was never a job's
  redis.call('ZADD', P .. 'lost', now, id)
  redis.call('HSET', P .. 'lost_owners', id, owner)
  redis.call('INCR', P .. 'lost_total')
  while redis.call('ZCARD', P .. 'lost') > 10000 do
    redis.call('HDEL', P .. 'lost_owners', redis.call('ZPOPMIN', P .. 'lost')[1])
  end
  redis.call('PUBLISH', P .. 'changed', id)
end

-- Gives up a job whose record is not whole: it is taken out of all that is looked through, what is left of it is removed,
-- and it is remembered as lost.
local function give_up(id)
  local hash = type_of(job_key(id)) == 'hash'
  local owner, holder = hash and get(id, 'owner') or '', hash and get(id, 'worker')
  if holder then let_go(holder, id) end
  drop_shards(id)
  for _, zset in ipairs({'jobs', 'queued', 'leases', 'ended', 'deadlines', 'webhooks', 'jobs_of:' .. owner}) do
    redis.call('ZREM', P .. zset, id)
  end
  redis.call('SREM', P .. 'unfinished:' .. owner, id)
  redis.call('DEL', job_key(id), P .. 'events:' .. id)
  remember_lost(id, owner)
end

-- What Lua and Redis say of data that is not what it should be. What they say when Redis can't write is something else,
-- and no reason to give a job up.
local BROKEN = {'WRONGTYPE', 'value is not', 'attempt to ', 'bad argument', 'Expected '}

-- Does the work for one job of many. Where its record is not whole, or something that belongs to it is broken, that job
-- alone is given up, and the others go on.
local function for_job(id, work)
  if is_whole(id) then
    local ok, answer = pcall(work)
    if ok then return answer end
    local what, broken = type(answer) == 'table' and answer.err or tostring(answer), false
    for _, words in ipairs(BROKEN) do broken = broken or string.find(what, words, 1, true) end
    if not broken then error(answer) end
  end
  give_up(id)
end

-- Is this Redis the stack's that has these data roots and this state folder? '' stands for a caller that doesn't say, or
-- doesn't know its state folder's name.
local function is_ours(roots, state)
  if (roots or '') == '' then return true end
  local known = redis.call('HMGET', P .. 'stack', 'roots', 'state')
  return not known[1] or (known[1] == roots and (state == '' or known[2] == '' or known[2] == state))
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
  local state = get(id, 'state')
  if state ~= 'running' and state ~= 'cancelling' then -- it is not being run: there is nothing to take back
    redis.call('ZREM', P .. 'leases', id)
    return false
  end
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

-- Hand-outs (core/jobs/hand_outs.py). What is over is left out wherever it is met, and goes with the next write.
local function held_key(project) return P .. 'held:' .. project end
local function batches_key(project) return P .. 'batches:' .. project end

-- The batches that are not over: job id -> {person, ends}.
local function live_batches(project)
  local live, all = {}, redis.call('HGETALL', batches_key(project))
  for i = 1, #all, 2 do
    local batch = decoded(all[i + 1])
    if batch and type(batch.person) == 'string' and (tonumber(batch.ends) or 0) > now then
      live[all[i]] = batch
    else
      redis.call('HDEL', batches_key(project), all[i])
    end
  end
  return live
end

-- Goes through the live ones of the batches that hold a name: job id, and '!' where its person has labelled the image.
local function holders(value, batches)
  local next_one = string.gmatch(value or '', '([^%s!]+)(!?)')
  return function()
    for batch, mark in next_one do
      if batches[batch] then return batch, mark end
    end
  end
end

local function hold_name(project, name, before, after)
  if after == '' then
    redis.call('HDEL', held_key(project), name)
  elseif after ~= before then
    redis.call('HSET', held_key(project), name, after)
  end
end

-- Notes whose batch it is and when that ends; nothing of the project is kept for longer than its last batch.
local function set_batch(project, id, person, ends)
  redis.call('HSET', batches_key(project), id, cjson.encode({person = person, ends = ends}))
  local last = math.max(tonumber(ends), tonumber(redis.call('ZSCORE', P .. 'hand_outs', project) or 0))
  redis.call('ZADD', P .. 'hand_outs', text(last), project)
  for _, key in ipairs({held_key(project), batches_key(project)}) do redis.call('PEXPIREAT', key, text(last)) end
end

-- Takes back all that a job handed out.
local function let_batch_go(project, id)
  if redis.call('HDEL', batches_key(project), id) == 0 then return end
  local all = redis.call('HGETALL', held_key(project))
  for i = 1, #all, 2 do
    local kept = {}
    for batch, mark in string.gmatch(all[i + 1], '([^%s!]+)(!?)') do
      if batch ~= id then kept[#kept + 1] = batch .. mark end
    end
    hold_name(project, all[i], all[i + 1], table.concat(kept, ' '))
  end
end
