/** The settings of `flow`: what enters conversations with labels, and where what is sent goes. */
import { z } from 'zod'
import { parseRate, parseSize, type Rate } from '../core/time.ts'
import { list, pattern, read, some, span, word } from './values.ts'

const label = word(/^[a-z][a-z0-9-]{0,31}$/, 'a label such as confidential: lower-case letters, digits and "-", at most 32')
const labels = list(label, 'labels such as confidential, internal, untrusted')
const patterns = some(pattern, 'a pattern such as memory/create_*')
/** What nobody has labelled and no tool was asked for is taken to be for our own people. */
const UNLABELLED = ['confidential']

const store = z.strictObject(
  {
    write: patterns.describe('Tools that put something there.'),
    read: patterns.describe('Tools, prompts and resources that bring something from there.'),
    remember: span('1m', '3650d').prefault('90d').describe('How long it is known that labelled things were put there.'),
  },
  { error: 'expected a map: write, read' },
)

/** More often than once a microsecond nothing is counted. */
const RATE_MAX_PER_MS = 1_000
const counted = (rate: Rate | undefined): Rate | undefined =>
  rate === undefined || rate.count / rate.perMs > RATE_MAX_PER_MS ? undefined : rate

const budget = z.strictObject(
  {
    calls: read('expected how often in a span, such as 100/h', (text) => counted(parseRate(text))).optional(),
    bytes: read('expected a size in a span, such as 10MiB/h, less than 1 GB', (text) => {
      const [size = '', ...rest] = text.split('/')
      return counted(parseRate([parseSize(size), ...rest].join('/')))
    }).optional(),
  },
  { error: 'expected a map: calls, bytes' },
)

export const flowSettings = z.strictObject({
  labels: z
    .record(pattern, labels, { error: 'expected a map of patterns over tools, prompts and URIs' })
    .prefault({})
    .describe(
      'What the answers of tools, prompts and resources bring into a conversation. confidential: leaves for an external sink only with an approval. internal: so, once something untrusted has entered too. An empty list: nothing.',
    ),
  unlabelled: z
    .strictObject({ prompts: labels.prefault(UNLABELLED), resources: labels.prefault(UNLABELLED) })
    .prefault({})
    .describe('Labels of the prompts and resources that no pattern is about.'),
  sinks: z
    .record(pattern, z.enum(['external', 'internal'], { error: 'expected external or internal' }), {
      error: 'expected a map of patterns over tools, prompts and URIs',
    })
    .prefault({})
    .describe(
      'Where what is sent goes: external, to others; internal, to where our own people read it. An internal sink that is in no store makes one of its server.',
    ),
  stores: z
    .record(word(/^[a-z0-9][a-z0-9-]{0,63}$/, 'a name of lower-case letters, digits and "-", at most 64'), store, {
      error: 'expected a map of stores',
    })
    .prefault({})
    .describe('Where things lie between conversations: what labelled ones write there, labels those that read there.'),
  budget: budget
    .optional()
    .describe('What each caller may send to external sinks, all of them together: calls, and bytes of arguments. No bound unless written.'),
  remember: span('1m', '90d')
    .prefault('24h')
    .describe('How long a label stays with a caller after it last entered. A new session does not end it.'),
})

export interface FlowConfig {
  readonly labels: Readonly<Record<string, readonly string[]>>
  readonly unlabelled: { readonly prompts: readonly string[]; readonly resources: readonly string[] }
  readonly sinks: Readonly<Record<string, 'external' | 'internal'>>
  readonly stores: Readonly<
    Record<string, { readonly write: readonly string[]; readonly read: readonly string[]; readonly rememberMs: number }>
  >
  readonly budget?: { readonly calls?: Rate | undefined; readonly bytes?: Rate | undefined }
  readonly rememberMs: number
}

export function settleFlow({ remember, stores, budget: bounds, ...rest }: z.output<typeof flowSettings>): FlowConfig {
  const settled = Object.entries(stores).map(([name, { remember: rememberMs, ...tools }]) => [name, { ...tools, rememberMs }] as const)
  return { ...rest, ...(bounds === undefined ? {} : { budget: bounds }), stores: Object.fromEntries(settled), rememberMs: remember }
}
