/** What is put into a file: a page begins with a program, a document names its parts, a source has form feeds. What acts once it is stored is still told. */
import type { Label } from './labels.ts'
import { judgeCharacters, judgeText } from './text.ts'

/** What acts on whoever logs or reads what is stored, whatever it is. */
const ACTING: ReadonlySet<Label> = new Set(['lookup-injection', 'deserialization'])

export function judgeContent(text: string): Label | undefined {
  const label = judgeText(text)
  if (label === undefined || ACTING.has(label)) return label
  // A cell begins so; a list, a patch and a decorator begin with the other signs.
  return label === 'formula-injection' && /^[\s"']{0,8}=/.test(text) ? label : undefined
}

/** Pages of a source are parted by form feeds. */
export function judgeContentCharacters(text: string): Label | undefined {
  return judgeCharacters(text.replaceAll('\f', '\n'))
}
