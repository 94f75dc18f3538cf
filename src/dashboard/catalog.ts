/** The page of what servers say of their tools and what of it waits for a word: what changed, line by line, with a yes and a no. */
import type { DiffLine } from '../core/line-diff.ts'
import { when } from '../core/time.ts'
import { html } from '../oauth/html.ts'
import { type Deed, deedRoute, type Said } from './deeds.ts'
import type { DashboardParts, Route } from './parts.ts'
import { show } from './shell.ts'
import { outside, type Row, tableOf } from './tables.ts'

/** One definition that is withheld until somebody has looked at it. */
export interface Drift {
  readonly server: string
  /** `tool`, `prompt`, … */
  readonly kind: string
  readonly name: string
  /** Of the definition that is withheld. */
  readonly digest: string
  /** Why, in a word or two: `changed`, `new`. */
  readonly why: string
  /** What was seen in it, such as `hidden text at /description`. */
  readonly marks: readonly string[]
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** The catalog, as this window needs it. */
export interface Catalog {
  list(): Promise<readonly Drift[]>
  /** What would change by approving. */
  diff(of: Drift): Promise<readonly DiffLine[]>
  /** Settles it, and writes it into history. @param by `local#alice` @throws Fault `FAULT_PIN` when it is not withheld any more */
  settle(of: Drift, says: 'approve' | 'reject', by: string): Promise<void>
}

/** Lines of a difference that are shown; a definition that needs more is not one that anybody reads. */
const LINES_MAX = 2_000
const FIELDS = ['server', 'kind', 'name', 'digest'] as const

export function catalogRoutes({ catalog }: DashboardParts): readonly Route[] {
  const get: Route['get'] = async (visit) => {
    const rows = ((await catalog?.list()) ?? []).map(rowOf)
    const body = html`<h1>Catalog</h1>
<p class="soft">What servers say of their tools is held against what was approved. What differs is withheld until somebody has looked at it.</p>
${tableOf({ id: 'drift', caption: 'Withheld', header: ['Name', 'Kind', 'State', 'Since', 'Because of', ''], rows, empty: 'Nothing is withheld.' })}`
    show(visit, { title: 'Catalog', body })
  }
  const page: Route = { path: /^\/catalog$/, who: 'admin', get }
  return catalog === undefined ? [page] : [page, deedRoute(settling(catalog, 'approve')), deedRoute(settling(catalog, 'reject'))]
}

function rowOf(drift: Drift): Row {
  const { server, kind, name, why, marks, at } = drift
  return [
    outside(kind === 'server' ? server : `${server}/${name}`),
    outside(kind),
    { text: why, tone: 'warn' },
    { text: when(at), tone: 'whole' },
    outside(marks.join(', ')),
    { text: 'Look', href: `/catalog/approve?${queryOf(drift)}` },
  ]
}

function queryOf({ server, kind, name, digest }: Drift): string {
  return String(new URLSearchParams({ server, kind, name, digest }))
}

const WORDS = {
  approve: {
    verb: 'Approve',
    done: 'may be used as it is now',
    consequence: 'From now on it may be used as it stands below, on every process within a second.',
  },
  reject: { verb: 'Reject', done: 'is withheld for good', consequence: 'This definition is withheld for good, also when it comes back.' },
} as const

function settling(catalog: Catalog, says: 'approve' | 'reject'): Deed {
  const { verb, done, consequence } = WORDS[says]
  const find = async (said: Said): Promise<Drift | undefined> =>
    (await catalog.list()).find((drift) => FIELDS.every((field) => drift[field] === said(field)))
  return {
    path: `/catalog/${says}`,
    back: '/catalog',
    verb,
    fields: FIELDS,
    ask: async (said) => {
      const drift = await find(said)
      if (drift === undefined) return undefined
      const lines = (await catalog.diff(drift)).slice(0, LINES_MAX)
      const query = queryOf(drift)
      const other = says === 'approve' ? 'reject' : 'approve'
      const more = html`<h2>What would change</h2>
<p class="text">${lines.map(({ sign, text }) => lineOf(sign, outside(text)))}</p>
<p><a href="/catalog/${other}?${query}">${WORDS[other].verb} it instead</a></p>`
      const facts = [
        ['Kind', outside(drift.kind)],
        ['State', drift.why],
        ['Since', when(drift.at)],
        ['Seen in it', drift.marks.length === 0 ? undefined : outside(drift.marks.join(', '))],
        ['Digest', drift.digest],
      ] as const
      return { question: `${verb} ${outside(`${drift.server}/${drift.name}`)}?`, facts, consequence, more }
    },
    act: async (said, by) => {
      const drift = await find(said)
      if (drift === undefined) return 'It is not withheld any more: somebody else was here first, or its server says something else now.'
      await catalog.settle(drift, says, by)
      return `${outside(`${drift.server}/${drift.name}`)} ${done}.`
    },
  }
}

/** Signs beside the colours: who does not see them reads them. */
function lineOf(sign: DiffLine['sign'], text: string): ReturnType<typeof html> {
  if (sign === '+') return html`<ins>+ ${text}</ins><br>`
  return sign === '-' ? html`<del>- ${text}</del><br>` : html`${sign} ${text}<br>`
}
