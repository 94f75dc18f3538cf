/** A subscription to tasks of many homes, told as one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Mailbox } from '../../src/bridge/mailbox.ts'
import type { Call, Message } from '../../src/core/call.ts'
import { Denial } from '../../src/core/denial.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { Stop } from '../../src/core/signal.ts'
import { listenAtHomes } from '../../src/gateway/gathered.ts'
import { aCall } from '../fixtures/nouns.ts'

const _meta = { 'io.modelcontextprotocol/subscriptionId': 'L1' }
const ack = (notifications: JsonObject): Message => ({
  body: { jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params: { _meta, notifications } },
})
const told = (taskId: string): Message => ({ body: { jsonrpc: '2.0', method: 'notifications/tasks', params: { _meta, taskId } } })
const refused: Message = { body: { jsonrpc: '2.0', id: 'L1', error: { code: -32601, message: 'Method not found' } } }

/** As replicas and relays give it: whoever waits for the next cannot be called off but by the signal. */
async function* said(box: Mailbox): AsyncGenerator<Message> {
  yield* box
}

/** Replicas by name, `here` among them: what each was asked to tell of, and its stream, which the test writes. */
function aWorld(homes: Readonly<Record<string, string>>, notifications: JsonObject) {
  const asked = new Map<string, JsonObject>()
  const boxes = new Map<string, Mailbox>()
  const stop = new Stop()
  const call = aCall({ method: 'subscriptions/listen', requestId: 'L1', params: { notifications }, signal: stop })
  const open = (name: string, { message, signal }: Call): AsyncIterable<Message> => {
    const box = new Mailbox()
    signal.addEventListener('abort', () => box.end(), { once: true })
    asked.set(name, (message.body.params?.['notifications'] ?? {}) as JsonObject)
    boxes.set(name, box)
    return said(box)
  }
  const stream = listenAtHomes(call, {
    homeOf: async (task) => homes[task],
    at: async (home, narrowed) => (home === 'gone' ? undefined : open(home, narrowed)),
    here: (narrowed) => open('here', narrowed),
  })
  /** The first that is told, once every replica has said what it has to say. */
  const begin = async (answers: Readonly<Record<string, Message>>): Promise<Message | undefined> => {
    const first = stream.next()
    while (Object.keys(answers).some((name) => !boxes.has(name))) await new Promise((resolve) => setImmediate(resolve))
    for (const [name, message] of Object.entries(answers)) boxes.get(name)?.push(message)
    return (await first).value ?? undefined
  }
  const box = (name: string): Mailbox => boxes.get(name) ?? assert.fail(name)
  return { stream, begin, asked, boxes, box, stop }
}

test('each home is asked for its own tasks, this replica for the rest; all that is honoured is acknowledged once, then everything is told', async () => {
  const world = aWorld(
    { one: 'a', two: 'b', three: 'a', lost: 'gone' },
    { toolsListChanged: true, taskIds: ['one', 'two', 'three', 'lost', 'own'] },
  )
  const first = await world.begin({
    a: ack({ taskIds: ['three', 'one', 'own'] }),
    b: ack({ taskIds: [] }),
    here: ack({ toolsListChanged: true, taskIds: ['own'] }),
  })
  assert.deepEqual(Object.fromEntries(world.asked), {
    a: { taskIds: ['one', 'three'] },
    b: { taskIds: ['two'] },
    here: { toolsListChanged: true, taskIds: ['own'] },
  })
  // A process elsewhere may know another task by the name of ours.
  assert.deepEqual(first?.body, ack({ toolsListChanged: true, taskIds: ['one', 'three', 'own'] }).body)
  world.box('here').push(told('own'))
  world.box('a').push(told('one'))
  assert.deepEqual(
    [(await world.stream.next()).value, (await world.stream.next()).value].map((one) => one?.body.params?.['taskId']).toSorted(),
    ['one', 'own'],
  )
  world.box('a').end()
  const last = (await world.stream.next()).value
  assert.deepEqual(last?.body, { jsonrpc: '2.0', id: 'L1', result: { resultType: 'complete', _meta } })
  assert.equal((await world.stream.next()).done, true)
  assert.ok(
    [...world.boxes.values()].every((box) => !box.push(told('one'))),
    'all are left',
  )
})

test('nobody here is asked who has nothing to tell, and the call goes as it is where all tasks are here', async () => {
  const elsewhere = aWorld({ one: 'a' }, { toolsListChanged: false, taskIds: ['one'] })
  await elsewhere.begin({ a: ack({ taskIds: ['one'] }) })
  assert.deepEqual([...elsewhere.asked.keys()], ['a'])
  const all = { taskIds: ['one', 'one'], promptsListChanged: true }
  const here = aWorld({}, all)
  assert.deepEqual((await here.begin({ here: ack({}) }))?.body, ack({}).body)
  assert.deepEqual(here.asked.get('here'), all)
  const gone = aWorld({ one: 'gone' }, { taskIds: ['one'] })
  assert.deepEqual((await gone.begin({ here: ack({}) }))?.body, ack({}).body)
  assert.deepEqual(gone.asked.get('here'), {})
  for (const { stop, stream } of [elsewhere, here, gone]) {
    stop.abort()
    await stream.next()
    assert.equal((await stream.next()).done, true)
  }
})

test('who does not begin is left out, unless nobody begins; what goes wrong is told', async () => {
  const some = aWorld({ one: 'a' }, { taskIds: ['one', 'own'] })
  assert.deepEqual((await some.begin({ a: refused, here: ack({ taskIds: ['own'] }) }))?.body, ack({ taskIds: ['own'] }).body)
  some.box('here').fail(new Denial('unavailable'))
  await assert.rejects(some.stream.next(), { code: 'unavailable' })
  const none = aWorld({ one: 'a' }, { taskIds: ['one'] })
  assert.deepEqual((await none.begin({ a: refused }))?.body, refused.body)
  assert.equal((await none.stream.next()).done, true)
})
