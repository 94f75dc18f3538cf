/** The page on which the journal is proved whole: one verification at a time, which goes on while its page is closed. */
import { setTimeout } from 'node:timers/promises'
import { type Source, storeSource, type Verdict, verifyJournal } from '../audit/verify.ts'
import { Denial, Fault } from '../core/denial.ts'
import { when } from '../core/time.ts'
import { sendAway } from '../oauth/forms.ts'
import { type Html, html } from '../oauth/html.ts'
import { csrfField, type Form } from '../oauth/pages.ts'
import type { DashboardParts, Route } from './parts.ts'
import { show } from './shell.ts'
import { factsOf, number, outside, tableOf } from './tables.ts'

/** Lines between two rests: some milliseconds' work, so that calls go on in between. */
const STRETCH_LINES = 2_000
const REST_MS = 5
/** Chains are many where processes start often; the newest are shown. */
const CHAINS_SHOWN = 50

/** One verification. */
interface Run {
  readonly by: string
  readonly startedAt: number
  lines: number
  endedAt?: number
  verdict?: Verdict
  /** Why it came to no end. */
  failure?: string
}

export function journalRoutes(parts: DashboardParts, stop: AbortSignal): readonly Route[] {
  const { store, clock, journalKey, headHash, onFault } = parts
  const last: { run?: Run } = {}
  const verify = async (run: Run): Promise<void> => {
    try {
      run.verdict = await verifyJournal(counted(storeSource(store), run, stop), journalKey, { headHash })
    } catch (error) {
      run.failure = 'It could not be read to its end; the log of this process says why.'
      if (!stop.aborted) onFault(error instanceof Fault ? error : new Fault('FAULT_ADMIN', Denial.from(error).detail, { cause: error }))
    } finally {
      run.endedAt = clock()
    }
  }
  return [
    {
      path: /^\/journal$/,
      who: 'admin',
      get: (visit) => show(visit, { title: 'Journal', body: journalPage(last.run, visit.formFor(visit.id ?? '')) }),
      post: ({ response, person }) => {
        if (last.run === undefined || last.run.endedAt !== undefined) {
          last.run = { by: person.name, startedAt: clock(), lines: 0 }
          void verify(last.run)
        }
        sendAway(response, '/journal')
      },
    },
  ]
}

/** The same source, counted while it is read, resting in between. */
function counted(source: Source, run: Run, signal: AbortSignal): Source {
  async function* events(): ReturnType<Source['events']> {
    for await (const line of source.events()) {
      yield line
      if (++run.lines % STRETCH_LINES === 0) await setTimeout(REST_MS, undefined, { signal, ref: false })
    }
  }
  return { ...source, events }
}

function journalPage(run: Run | undefined, form: Form): Html {
  const isRunning = run !== undefined && run.endedAt === undefined
  return html`<h1>Journal</h1>
<p class="soft">Every event is sealed to the one before, and signed for. A verification reads all of it again, and proves that nothing was changed, removed, added or moved.</p>
${isRunning ? progressOf(run) : html`<form method="post" action="${form.action}">${csrfField(form)}<button class="first">Verify now</button></form>`}
${run?.verdict === undefined ? undefined : verdictOf(run, run.verdict)}
${run?.failure === undefined ? undefined : html`<p class="notice" role="alert">${run.failure}</p>`}
<p class="soft">It is proved against what lies in the same store. To see whether all of it was cut or rolled back, keep a copy elsewhere: <code>portcullis audit verify --against FILE</code>.</p>`
}

function progressOf({ lines, by, startedAt }: Run): Html {
  return html`<p role="status">Under way since ${when(startedAt)}, started by ${outside(by)}: ${lines.toLocaleString('en')} events read so far.</p>
<p><a class="button" href="/journal">Look again</a></p>`
}

function verdictOf({ by, startedAt, endedAt = startedAt }: Run, { isSound, events, checkpoints, chains, cut, flaw }: Verdict): Html {
  const rows = chains
    .slice(-CHAINS_SHOWN)
    .toReversed()
    .map(({ node, events: count }) => [outside(node), number(count)])
  return html`<section role="status"><h2 class="${isSound ? 'good' : 'bad'}">${isSound ? 'The journal is whole' : 'The journal is broken'}</h2>
${factsOf([
  ['Events', events.toLocaleString('en')],
  ['Checkpoints', checkpoints.toLocaleString('en')],
  ['Removed by retention', cut && `${cut.removed.toLocaleString('en')} events older than ${when(cut.before)}`],
  ['Verified', `${when(startedAt)}, in ${((endedAt - startedAt) / 1_000).toFixed(1)} s, started by ${outside(by)}`],
  ['Reason', flaw === undefined ? undefined : outside(`${flaw.reason}: ${flaw.detail}`)],
  [
    'First bad record',
    flaw === undefined || flaw.position === ''
      ? undefined
      : outside(`position ${flaw.position}, chain ${flaw.node}, event ${flaw.seq}, id ${flaw.id}`),
  ],
])}
${tableOf({ id: 'chains', caption: 'Chains, newest first', header: ['Chain', 'Events'], rows })}</section>`
}
