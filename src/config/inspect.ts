/** What is looked for in what goes in and in what comes out. */
import { z } from 'zod'
import { flag, list, size } from './values.ts'

const treatment = z.enum(['off', 'report', 'redact', 'block'], { error: 'expected off, report, redact or block' })

const PERSONAL_KINDS = ['email', 'phone', 'card', 'iban', 'national-id', 'address', 'birth-date', 'health'] as const

const output = z.strictObject({
  secrets: treatment
    .prefault('redact')
    .describe(
      'Credentials in answers, errors and notifications. report: they are written down and leave. redact: they are replaced by [redacted:secret]. block: the answer does not leave.',
    ),
  personal: z
    .strictObject({
      kinds: list(z.enum(PERSONAL_KINDS, { error: `expected one of ${PERSONAL_KINDS.join(', ')}` }), 'kinds of personal data').describe(
        'What counts: numbers that check themselves are checked.',
      ),
      action: treatment.prefault('redact'),
    })
    .prefault({ kinds: [] })
    .describe('Personal data. None is looked for unless kinds are named.'),
  internals: treatment
    .prefault('redact')
    .describe(
      'Stack traces, internal addresses and paths of home folders, in errors, log messages and progress. Results may speak of machines.',
    ),
  links: treatment.prefault('redact').describe('Links and pictures of others whose URL carries something out.'),
  forms: z
    .enum(['off', 'report', 'block'], { error: 'expected off, report or block' })
    .prefault('block')
    .describe(
      'Forms of a server that ask the person at a client for a credential (elicitation). block: the call in which it asks is refused.',
    ),
  maxBytes: size('64KiB', '1GiB').prefault('16MiB').describe('Larger messages are not looked at.'),
  larger: z.enum(['block', 'pass'], { error: 'expected block or pass' }).prefault('block').describe('What becomes of those.'),
})

const definitions = z
  .strictObject({
    pin: flag()
      .prefault(true)
      .describe(
        'A tool, prompt, resource or instruction of a server stays what it was when it was first listed. What changes, what is new later and what carries instructions to the model is withheld until an operator approves it.',
      ),
    quarantine: flag()
      .optional()
      .describe(
        'Nothing is taken at first sight either: everything is withheld until it is approved. Default true in profile strict, else false.',
      ),
  })
  .refine(({ pin, quarantine }) => pin || quarantine !== true, { error: 'expected no quarantine where nothing is pinned' })

export const inspectSettings = z.strictObject({
  input: z
    .enum(['off', 'standard', 'strict'], { error: 'expected off, standard or strict' })
    .optional()
    .describe(
      'Whether arguments are held against what the tool says it takes. strict: a tool that the server does not list, and an argument that the tool does not name, are refused too. Default standard; strict in profile strict.',
    ),
  output: output.prefault({}).describe('What must not leave.'),
  definitions: definitions.prefault({}),
})

type Written = z.output<typeof inspectSettings>

export interface InspectConfig {
  readonly input: 'off' | 'standard' | 'strict'
  readonly output: Written['output']
  readonly definitions: { readonly pin: boolean; readonly quarantine: boolean }
}

export function settleInspect({ input, output, definitions: { pin, quarantine } }: Written, isStrict: boolean): InspectConfig {
  return { input: input ?? (isStrict ? 'strict' : 'standard'), output, definitions: { pin, quarantine: pin && (quarantine ?? isStrict) } }
}
