/** What a call that nobody makes would be found to carry, as far as it is known here: its arguments, and what its server has shown. */
import type { Config } from '../config/config.ts'
import type { Resource } from '../core/call.ts'
import type { Finding } from '../core/finding.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { compileSchema } from '../inspect/schema.ts'
import { findingsOf } from './held.ts'
import { nameThing, type Pin, type Pins } from './pins.ts'
import { createScreens } from './screens.ts'

export interface Imagined {
  readonly findings: readonly Finding[]
  /** What a gateway would look at beside this, a clause each. */
  readonly unseen: readonly string[]
}

/** What is asked about. */
export type Thing = Resource & { readonly kind: 'tool' | 'prompt' | 'resource' }
type Settings = Pick<Config, 'inspect' | 'access' | 'flow' | 'handles'>

const METHODS = { tool: 'tools/call', prompt: 'prompts/get', resource: 'resources/read' } as const

/**
 * @param pins what the store says; undefined where it cannot be asked.
 * @param args undefined where nobody has said which.
 */
export async function imagine(config: Settings, pins: Pins | undefined, thing: Thing, args: JsonObject | undefined): Promise<Imagined> {
  const { inspect, access } = config
  const pin = inspect.definitions.pin ? await pins?.get(thing) : undefined
  const digest = latestOf(pin)
  const definition = digest === undefined ? undefined : await pins?.definition(digest)
  const held = digest === undefined || digest === pin?.pinned?.digest ? [] : findingsOf(pin, digest)
  const unseen = unseenOf(config, thing, args !== undefined, definition !== undefined)
  if (args === undefined || inspect.input === 'off') return { findings: held, unseen }
  const inputSchema = isObject(definition) ? definition['inputSchema'] : undefined
  const isCompared = thing.kind === 'tool' && definition !== undefined
  const mismatches = isCompared ? compileSchema(inputSchema, { strict: inspect.input === 'strict' }).check(args) : []
  const screen = createScreens({ level: inspect.input, tools: access.tools })
  const screened = screen({ method: METHODS[thing.kind], resource: thing, arguments: args }, inputSchema)
  return { findings: [...held, ...mismatches, ...screened], unseen }
}

function unseenOf({ inspect, flow, handles }: Settings, thing: Thing, hasArguments: boolean, isKnown: boolean): readonly string[] {
  const isTool = thing.kind === 'tool'
  const takes = isTool && inspect.input !== 'off'
  return [
    ...(takes && !hasArguments ? ['arguments (say which with --args)'] : []),
    ...(isTool && !isKnown ? [`what ${nameThing(thing)} takes and whether it is withheld (no server has shown it here yet)`] : []),
    ...(isTool && flow !== undefined ? ['what has entered before (say it with --after) and credentials in what is sent'] : []),
    ...(isTool && Object.keys(handles).length > 0 ? ['whose handles are named'] : []),
    'limits',
  ]
}

/** What its server says now, as far as that was seen: what waits for a word came after what was approved. */
function latestOf(pin: Pin | undefined): string | undefined {
  const waiting = pin?.held.findLast(({ why }) => why !== 'rejected')
  return waiting?.digest ?? pin?.pinned?.digest ?? pin?.held.at(-1)?.digest
}
