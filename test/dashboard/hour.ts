/** What an installation has seen in an hour, written into its journal: for pages that are looked at. */
import type { Entry, Outcome } from '../../src/core/event.ts'
import type { World } from '../journeys/approval-world.ts'

/** An hour of an installation: mostly work, some refusals, an attack in the middle. */
export async function anHour(of: World): Promise<void> {
  const { journal, newId } = of.house.gateway.house
  const start = of.now
  const people = ['key#4fQ0aZ81bYtR', 'key#9kLm20xWvTe7', 'local#alice', 'https://id.example#u-1041']
  const tools = ['read_file', 'search', 'create_issue', 'query', 'list_files']
  const writes: Promise<void>[] = []
  for (let minute = 59; minute >= 0; minute--) {
    // Forward: within a chain time does not run backwards.
    of.now = start + (60 - minute) * 60_000
    const isAttacked = minute > 22 && minute < 29
    const calls = 9 + Math.round(5 * Math.sin(minute / 6)) + (minute % 4) + (isAttacked ? 14 : 0)
    for (let each = 0; each < calls; each++) {
      const isRefused = isAttacked ? each >= 9 : (minute * 7 + each) % 23 === 0
      const outcome: Outcome = isRefused ? 'denied' : (minute + each) % 31 === 0 ? 'failed' : 'permitted'
      const attack: Partial<Entry> =
        isAttacked && isRefused ? { denial: 'invalid_token', address: '203.0.113.66', detail: 'no key has this id' } : {}
      const refusal: Partial<Entry> = isRefused ? { denial: 'forbidden', detail: 'nothing permits it' } : { policies: ['access/tools'] }
      const person =
        isAttacked && isRefused
          ? {}
          : { principal: people[(minute * each) % people.length] ?? '', kind: 'service' as const, roles: ['agent'] }
      const resource = { kind: 'tool', server: 'files', name: tools[(each * 3 + minute) % tools.length] ?? '' } as const
      const address = `10.0.${each % 3}.${7 + (each % 5)}`
      const tookMs = 4 + ((minute * 13 + each * 29) % 60) + (each % 17 === 0 ? 180 : 0)
      const call = { type: 'call.ended', call: newId(), method: 'tools/call', action: 'call', resource, transport: 'http' } as const
      writes.push(
        journal.write({
          ...call,
          outcome,
          address,
          tookMs,
          bytes: 400 + ((minute * 131 + each * 977) % 9_000),
          ...person,
          ...refusal,
          ...attack,
        }),
      )
    }
    await Promise.all(writes.splice(0))
  }
}
