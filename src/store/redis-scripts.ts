/** What Redis does in one step: the verbs that look before they write, as Lua. Nothing comes between the commands of a script. */
import { hash } from 'node:crypto'

export interface Script {
  readonly text: string
  /** By which Redis knows it once it has seen it. */
  readonly digest: string
}

function script(text: string): Script {
  return { text, digest: hash('sha1', text, 'hex') }
}

/**
 * A record is `<expires>|<JSON>`; expires is empty, or milliseconds since the epoch. It is judged by the clock of who asks, as everywhere; Redis
 * itself only clears away what is past for everybody.
 * KEYS record, index · ARGV member, stored, now, ttl ('' for none), condition ('', 'absent', 'if'), expected JSON · answers 1 when written
 */
export const PUT = script(`
if ARGV[5] ~= '' then
  local found = redis.call('GET', KEYS[1])
  local live, text = false, ''
  if found then
    local bar = string.find(found, '|', 1, true)
    local expires = string.sub(found, 1, bar - 1)
    live = expires == '' or tonumber(expires) > tonumber(ARGV[3])
    text = string.sub(found, bar + 1)
  end
  if ARGV[5] == 'absent' and live then return 0 end
  if ARGV[5] == 'if' and not (live and text == ARGV[6]) then return 0 end
end
if ARGV[4] == '' then redis.call('SET', KEYS[1], ARGV[2]) else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[4]) end
redis.call('ZADD', KEYS[2], 0, ARGV[1])
return 1`)

/** KEYS record, index · ARGV member · answers what was stored */
export const TAKE = script(`
local found = redis.call('GETDEL', KEYS[1])
if found then redis.call('ZREM', KEYS[2], ARGV[1]) end
return found`)

/** Members of an index whose records are gone. KEYS index, records… · ARGV members… */
export const SWEEP = script(`
for i, member in ipairs(ARGV) do
  if redis.call('EXISTS', KEYS[i + 1]) == 0 then redis.call('ZREM', KEYS[1], member) end
end
return 0`)

/**
 * The arithmetic of gcra.ts, step by step: whole microseconds are exact in a double until the year 2255.
 * KEYS cells… (one may come twice) · ARGV now, kept for so long when full (ms), then interval, burst and cost of each cell
 * · answers allowed, wait, index of the refusing cell, what is left in each
 */
export const CHARGE = script(`
local now = tonumber(ARGV[1])
local before, clamped, after = {}, {}, {}
local refused, wait = -1, 0
for i, key in ipairs(KEYS) do
  local interval, burst, cost = tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1]), tonumber(ARGV[3 * i + 2])
  local depth = burst * interval
  local start = after[key]
  if not start then
    local stored = tonumber(redis.call('GET', key) or nil)
    start = math.min(math.max(stored or now, now), now + depth)
    if stored and start < stored then clamped[key] = start end
    before[key] = start
  end
  after[key] = start + cost * interval
  local over = after[key] - depth - now
  if over > wait then
    wait = over
    refused = i - 1
  end
end
local allowed = refused == -1
local answer = { allowed and 1 or 0, string.format('%.0f', wait), refused }
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1])
  local stands = (allowed and after or before)[key]
  answer[i + 3] = math.floor((now + burst * interval - stands) / interval)
end
for key, arrival in pairs(allowed and after or clamped) do
  redis.call('SET', key, string.format('%.0f', arrival), 'PX', string.format('%.0f', math.ceil((arrival - now) / 1000) + ARGV[2]))
end
return answer`)

/** So many lines in one entry of a stream: Lua hands on at most some 8,000 arguments at once. */
const ENTRY_LINES = 1_000

/**
 * Lines, then the mark, all or none, and once: batches of a writer are numbered, and who does not know whether one was taken brings it again.
 * A gap is not jumped over either: a server that took another's place may not have everything that was acknowledged.
 * KEYS stream, marks, last number of the writer · ARGV number (0: is brought once only), number in front of it, how long they are known (ms),
 * who marks, '' or 'set' or 'drop', mark, lines… · answers the last number there is: what it was given is appended when this is no less
 */
export const APPEND = script(`
local number, last = tonumber(ARGV[1]), 0
if number > 0 then
  last = tonumber(redis.call('GET', KEYS[3]) or 0)
  if last >= number or last ~= tonumber(ARGV[2]) then return last end
end
for from = 7, #ARGV, ${ENTRY_LINES} do
  local fields = {}
  for i = from, math.min(from + ${ENTRY_LINES - 1}, #ARGV) do
    fields[#fields + 1] = 'l'
    fields[#fields + 1] = ARGV[i]
  end
  redis.call('XADD', KEYS[1], '*', unpack(fields))
end
if ARGV[5] == 'set' then redis.call('HSET', KEYS[2], ARGV[4], ARGV[6]) end
if ARGV[5] == 'drop' then redis.call('HDEL', KEYS[2], ARGV[4]) end
if number > 0 then redis.call('SET', KEYS[3], ARGV[1], 'PX', ARGV[3]) end
return number`)
