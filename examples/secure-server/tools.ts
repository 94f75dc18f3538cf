/** The five tools of the example server, for whichever SDK: what they take, and what they do, each with its own rules. */
import { z } from 'zod'
import { CITIES, meanTemperature } from './climate.ts'
import { FILE_MAX_BYTES, WriteRefused, writeBelow } from './write-file.ts'

const ECHO_MAX_CHARS = 4096

const USERS = [
  { id: 'u-1001', name: 'Ada Lovelace', role: 'admin' },
  { id: 'u-1002', name: 'Grace Hopper', role: 'user' },
  { id: 'u-1003', name: 'Alan Turing', role: 'user' },
] as const

export interface World {
  /** Where `write_file` may write: absolute, canonical, existing. */
  readonly root: string
  /** Milliseconds since the epoch. */
  readonly clock: () => number
  /** Called before a file is written; throws when it must not be. */
  readonly beforeWrite?: (path: string, content: string) => void | Promise<void>
}

/** What both SDKs take for a result. */
interface Answer {
  [name: string]: unknown
  content: { type: 'text'; text: string }[]
  isError?: true
}

interface Tool {
  readonly description: string
  readonly input: z.ZodRawShape
  readonly annotations: { readonly readOnlyHint: boolean; readonly [hint: string]: boolean }
  call(given: unknown, world: World): Promise<Answer>
}

const answer = (text: string): Answer => ({ content: [{ type: 'text', text }] })
const refuse = (text: string): Answer => ({ content: [{ type: 'text', text }], isError: true })

function tool<Shape extends z.ZodRawShape>(
  definition: { readonly description: string; readonly input: Shape; readonly annotations: Tool['annotations'] },
  run: (args: z.output<z.ZodObject<Shape>>, world: World) => Answer | Promise<Answer>,
): Tool {
  const schema = z.object(definition.input)
  return { ...definition, call: async (given, world) => run(schema.parse(given), world) }
}

const reader = { readOnlyHint: true, openWorldHint: false } as const

export const TOOLS: Readonly<Record<string, Tool>> = {
  get_weather: tool(
    {
      description: `The usual temperature of this month in one of: ${CITIES.join(', ')}.`,
      input: { city: z.string().max(64) },
      annotations: reader,
    },
    ({ city }, { clock }) => {
      const celsius = meanTemperature(city, clock())
      if (celsius === undefined) return refuse(`No such city. Known: ${CITIES.join(', ')}.`)
      return answer(`${city}: ${celsius} °C on an average day of this month.`)
    },
  ),
  get_time: tool(
    {
      description: 'The time now, in UTC or in an IANA time zone.',
      input: { timezone: z.string().max(64).default('UTC') },
      annotations: reader,
    },
    ({ timezone }, { clock }) => {
      try {
        const format = new Intl.DateTimeFormat('sv-SE', { timeZone: timezone, dateStyle: 'short', timeStyle: 'medium' })
        return answer(`${format.format(clock())} ${timezone}`)
      } catch {
        return refuse('No such time zone.')
      }
    },
  ),
  list_users: tool({ description: 'The people who use this system.', input: {}, annotations: reader }, () => answer(JSON.stringify(USERS))),
  echo: tool({ description: 'Says the same again.', input: { text: z.string().max(ECHO_MAX_CHARS) }, annotations: reader }, ({ text }) =>
    answer(text),
  ),
  write_file: tool(
    {
      description: `Writes a text of at most ${FILE_MAX_BYTES} bytes to a file below the notes folder.`,
      input: { path: z.string().min(1).max(1024), content: z.string().max(FILE_MAX_BYTES) },
      annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
    },
    async ({ path, content }, { root, beforeWrite }) => {
      await beforeWrite?.(path, content)
      try {
        return answer(`Wrote ${await writeBelow(root, path, content)} bytes to ${path}.`)
      } catch (error) {
        if (error instanceof WriteRefused) return refuse(error.message)
        console.error(error)
        return refuse('The file could not be written.')
      }
    },
  ),
}
