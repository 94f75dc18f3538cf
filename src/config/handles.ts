/** Handles: what servers call things that they keep for a caller (a cart, a job, a draft), and where such a name comes from and goes. */
import { z } from 'zod'
import { pattern, span, word } from './values.ts'

const place = word(/^(\/([^~/]|~[01]){1,128}){1,16}$/, 'a place such as /cart_id: a JSON Pointer; lists are passed through')

const handle = z.strictObject(
  {
    made: z
      .record(pattern, place, { error: 'expected a map of tool patterns' })
      .describe('Tools that answer with a new one, and where in their answer it stands: in structuredContent, or in a text that is JSON.'),
    used: z
      .record(pattern, place, { error: 'expected a map of tool patterns' })
      .describe('Tools that take one, and where among their arguments.'),
    remember: span('1m', '3650d').prefault('30d').describe('How long it is known whose it is. After that it is nobody’s.'),
  },
  { error: 'expected a map: made, used' },
)

export const handleSettings = z
  .record(word(/^[a-z0-9][a-z0-9-]{0,63}$/, 'a name of lower-case letters, digits and "-", at most 64'), handle, {
    error: 'expected a map of handles',
  })
  .prefault({})
  .describe('Names that servers give to what they keep for a caller: only whoever was given one may use it.')

export type HandleConfig = z.output<typeof handleSettings>
