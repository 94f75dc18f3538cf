/** One store into another, line by line and record by record, and then held against each other. */
import { Fault } from '../core/denial.ts'
import { canonical, type JsonValue } from '../core/json.ts'
import { LOGS } from './keys.ts'
import type { Line, Store, Stored } from './store.ts'

/** Of a log or of the records, at a time. */
const PAGE = 500

export interface Copied {
  readonly records: number
  readonly lines: number
  readonly marks: number
}

/**
 * Both stores judge expiry by one clock that stands still, so that nothing expires on the way. Buckets of limits are not copied: they are full again.
 * @param now the time of day, for records that a store has cleared away meanwhile
 * @throws Fault `FAULT_STORE` when the target is not empty, when the source is damaged, or when the two differ in the end
 */
export async function copyStore(from: Store, to: Store, now: () => number): Promise<Copied> {
  await checkEmpty(to)
  let records = 0
  for await (const { key, value, expiresAt } of recordsOf(from)) {
    await to.put(key, value, expiresAt === undefined ? {} : { expiresAt })
    records++
  }
  let lines = 0
  let marks = 0
  for (const log of Object.values(LOGS)) {
    for await (const page of pagesOf(from, log)) {
      await to.append(log, page.map(soundValue))
      lines += page.length
    }
    for (const mark of await from.marks(log)) {
      await to.append(log, [], mark)
      marks++
    }
    await checkSameLog(from, to, log)
  }
  await checkSameRecords(from, to, now)
  return { records, lines, marks }
}

async function checkEmpty(store: Store): Promise<void> {
  const found = [store.list('', { limit: 1 }), ...Object.values(LOGS).flatMap((log) => [store.read(log, { limit: 1 }), store.marks(log)])]
  for (const one of found) if ((await one).length > 0) throw new Fault('FAULT_STORE', 'The target is not empty; name another one')
}

/** A damaged line is evidence: a copy would make it look like any other. */
function soundValue({ value, isDamaged, position }: Line): JsonValue {
  if (isDamaged === true)
    throw new Fault('FAULT_STORE', `A line is damaged at ${position}: run "portcullis audit verify", nothing was made of it`)
  return value
}

async function checkSameLog(from: Store, to: Store, log: string): Promise<void> {
  const copies = pagesOf(to, log)
  for await (const page of pagesOf(from, log)) {
    const copy = (await copies.next()).value ?? []
    if (canonical(page.map(({ value }) => value)) !== canonical(copy.map(({ value }) => value))) throw differ(`the log ${log}`)
  }
  if ((await copies.next()).done !== true) throw differ(`the log ${log}`)
  const marks = await Promise.all(
    [from, to].map(async (store) => canonical((await store.marks(log)).map(({ by, value }) => [by, value ?? null]))),
  )
  if (marks[0] !== marks[1]) throw differ(`the marks of ${log}`)
}

async function checkSameRecords(from: Store, to: Store, now: () => number): Promise<void> {
  const copies = recordsOf(to)
  let copy = (await copies.next()).value
  for await (const record of recordsOf(from)) {
    if (copy !== undefined && textOf(copy) === textOf(record)) copy = (await copies.next()).value
    else if ((record.expiresAt ?? Number.POSITIVE_INFINITY) > now()) throw differ(record.key)
  }
  if (copy !== undefined) throw differ(copy.key)
}

function textOf({ key, value, expiresAt }: Stored): string {
  return canonical([key, value, expiresAt ?? null])
}

function differ(what: string): Fault {
  return new Fault('FAULT_STORE', `The two differ in ${what}: stop whatever writes to the source, empty the target and copy again`)
}

async function* recordsOf(store: Store): AsyncGenerator<Stored, undefined> {
  let after: string | undefined
  do {
    const page = await store.list('', { limit: PAGE, ...(after === undefined ? {} : { after }) })
    yield* page
    after = page.length < PAGE ? undefined : page.at(-1)?.key
  } while (after !== undefined)
}

async function* pagesOf(store: Store, log: string): AsyncGenerator<readonly Line[], undefined> {
  let after: string | undefined
  do {
    const page = await store.read(log, { limit: PAGE, ...(after === undefined ? {} : { after }) })
    if (page.length > 0) yield page
    after = page.at(-1)?.position
  } while (after !== undefined)
}
