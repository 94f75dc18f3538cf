/** The page of addresses that are turned away, and how one is added or let in again. */
import { parseCidr, showCidr } from '../core/cidr.ts'
import { Fault } from '../core/denial.ts'
import { howLong, parseSpan, when } from '../core/time.ts'
import { type Held, type Reactions, releaseEntry } from '../guard/reactions.ts'
import { type Block, blockEntry, unblockEntry } from '../limit/blocks.ts'
import { type Html, html } from '../oauth/html.ts'
import { type Deed, deedRoute } from './deeds.ts'
import type { DashboardParts, Route } from './parts.ts'
import { show } from './shell.ts'
import { outside, type Row, tableOf } from './tables.ts'

const SPANS = ['15m', '1h', '24h', '7d'] as const
const HEADER = ['Addresses', 'Until', 'Since', 'By', 'Change']

export function blockRoutes(parts: DashboardParts): readonly Route[] {
  const { blocks, clock, reactions } = parts
  return [
    {
      path: /^\/blocks$/,
      who: 'admin',
      get: async (visit) => {
        const now = clock()
        const fixed = blocks.fixed.map((cidr): Row => [cidr, 'for ever', '', 'limits.block of the configuration', ''])
        const rows = [...fixed, ...(await blocks.list()).map((block) => rowOf(block, now))]
        const body = html`<h1>Blocks</h1><p class="soft">Addresses that are turned away before anything is read, on every process within a second.</p>
${tableOf({ id: 'blocks', caption: 'Turned away', header: HEADER, rows, empty: 'Nobody is turned away.' })}
${reactions === undefined ? undefined : heldOf(reactions.list(), now)}
<h2>Turn away an address</h2>
<form method="get" action="/blocks/add" class="filters">
<div><label for="range">Address or range</label><input id="range" name="range" required maxlength="64" placeholder="203.0.113.0/24" autocomplete="off" spellcheck="false"></div>
<div><label for="for">For</label><select id="for" name="for">${SPANS.map((span) => html`<option>${span}</option>`)}<option value="">until it is removed</option></select></div>
<div><button>Go on</button></div>
</form>`
        show(visit, { title: 'Blocks', body })
      },
    },
    deedRoute(adding(parts)),
    deedRoute(removing(parts)),
    ...(reactions === undefined ? [] : [deedRoute(releasing(parts, reactions))]),
  ]
}

function rowOf({ cidr, key, until, at, by }: Block, now: number): Row {
  return [
    { text: key === undefined ? cidr : `${cidr} with key ${outside(key)}`, tone: 'whole' },
    until === undefined ? 'it is removed' : `in ${howLong(until - now)}`,
    { text: when(at), tone: 'whole' },
    outside(by),
    { text: 'Let in', href: `/blocks/remove?range=${encodeURIComponent(cidr)}` },
  ]
}

const HELD_HEADER = ['Who', 'At', 'What', 'Because of', 'Left', 'Change']
const HELD_WORDS = { block: 'blocked', approval: 'needs an approval', step_up: 'needs a stronger sign-in' } as const

function heldOf(held: readonly Held[], now: number): Html {
  const rows = held.map(
    ({ principal, place, reaction, kind, until }): Row => [
      { text: outside(principal), tone: 'name' },
      { text: outside(place), tone: 'whole' },
      { text: HELD_WORDS[reaction], tone: 'warn' },
      kind,
      `${howLong(Math.max(1_000, until - now))}`,
      { text: 'Let go', href: `/blocks/release?${new URLSearchParams({ principal, place })}` },
    ],
  )
  return html`<h2>Held credentials</h2><p class="soft">For being far from usual (<a href="/anomalies">Anomalies</a>): one principal at one address. It works on from anywhere else.</p>
${tableOf({ id: 'held', caption: 'Held', header: HELD_HEADER, rows, empty: 'Nothing is held against anybody.' })}`
}

function releasing({ tell }: DashboardParts, reactions: Reactions): Deed {
  return {
    path: '/blocks/release',
    back: '/blocks',
    verb: 'Let go',
    fields: ['principal', 'place'],
    ask: async (said) => {
      const held = reactions.of(said('principal'), said('place'))
      if (held === undefined) return undefined
      const facts = [
        ['At', outside(held.place)],
        ['What', HELD_WORDS[held.reaction]],
        ['Because of', held.kind],
        ['Until', when(held.until)],
      ] as const
      return {
        question: `Let ${outside(held.principal)} go?`,
        facts,
        consequence: 'Its calls from there are decided as usual again, on every process within a second.',
      }
    },
    act: async (said, by) => {
      const held = await reactions.release(said('principal'), said('place'))
      await tell(releaseEntry(held, by))
      return `Nothing is held against ${outside(held.principal)} at ${outside(held.place)} any more.`
    },
  }
}

/** In its one spelling. @throws Fault `FAULT_BLOCK` */
function rangeIn(text: string): string {
  const range = parseCidr(text.trim())
  if (range === undefined) throw new Fault('FAULT_BLOCK', 'Write an address or a range, such as 203.0.113.7 or 203.0.113.0/24')
  return showCidr(range)
}

/** Undefined: until it is removed. @throws Fault `FAULT_BLOCK` */
function spanIn(text: string): number | undefined {
  if (text === '') return undefined
  const ms = parseSpan(text)
  if (ms === undefined || ms === 0) throw new Fault('FAULT_BLOCK', 'Write a span such as 15m')
  return ms
}

function adding({ blocks, tell, clock }: DashboardParts): Deed {
  return {
    path: '/blocks/add',
    back: '/blocks',
    verb: 'Turn away',
    fields: ['range', 'for'],
    ask: async (said, { request }) => {
      const range = rangeIn(said('range'))
      const ms = spanIn(said('for'))
      const facts = [
        ['Addresses', range],
        ['For', ms === undefined ? 'until it is removed' : howLong(ms)],
        ['You come from', outside(request.socket.remoteAddress)],
      ] as const
      const consequence = 'Every request from there is refused, on every process within a second: of agents, and of people who come here.'
      return { question: `Turn away ${range}?`, facts, consequence }
    },
    act: async (said, by) => {
      const range = rangeIn(said('range'))
      const ms = spanIn(said('for'))
      const until = ms === undefined ? undefined : clock() + ms
      // First the deed: a journal that is away must not leave the door open.
      await blocks.add(range, { by, ...(until === undefined ? {} : { until }) })
      await tell(blockEntry(range, until, by))
      return `${range} is turned away ${until === undefined ? 'until it is removed' : `until ${when(until)}`}.`
    },
  }
}

function removing({ blocks, tell }: DashboardParts): Deed {
  return {
    path: '/blocks/remove',
    back: '/blocks',
    verb: 'Let in',
    fields: ['range'],
    ask: async (said) => {
      const range = rangeIn(said('range'))
      const block = (await blocks.list()).find(({ cidr }) => cidr === range)
      if (block === undefined) return undefined
      const facts = [
        ['Since', when(block.at)],
        ['By', outside(block.by)],
        ['Until', block.until === undefined ? 'it is removed' : when(block.until)],
      ] as const
      return { question: `Let ${range} in again?`, facts, consequence: 'Requests from there are looked at again, with whichever key.' }
    },
    act: async (said, by) => {
      const range = rangeIn(said('range'))
      await blocks.remove(range)
      await tell(unblockEntry(range, by))
      return `${range} is let in again.`
    },
  }
}
