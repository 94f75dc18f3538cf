/** Markup in what is meant to be plain text: what would act in a page that shows it. Speaking of tags is no markup. */
import { isTemplateAttack } from './text.ts'

const LONGEST = 400
/** A script with something in it. */
const SCRIPT = new RegExp(
  `<script\\b[^>]{0,${LONGEST}}>\\s{0,80}[^\\s<][^<]{0,${LONGEST}}<\\s{0,8}/\\s{0,8}script|<script\\b[^>]{0,${LONGEST}}\\bsrc\\s{0,8}=`,
  'i',
)
/** A tag with a handler that does something. */
const HANDLER = new RegExp(
  `<[a-z][a-z0-9:-]{0,40}[\\s/][^<>]{0,${LONGEST}}?\\bon[a-z]{3,24}\\s{0,8}=\\s{0,8}["'\`]?[\\w.$]{2,60}\\s{0,8}[[(=\`]`,
  'i',
)
const FRAME = new RegExp(
  `<(?:iframe|object|embed|base|form|meta|link)\\b[^>]{0,${LONGEST}}(?:src|srcdoc|data|href|action|content)\\s{0,8}=`,
  'i',
)
/** A picture that tells somebody that it was looked at. */
const BEACON = new RegExp(`<img\\b[^>]{0,${LONGEST}}\\bsrc\\s{0,8}=\\s{0,8}["']?(?:https?:)?//`, 'i')
const LINK = /\]\(\s{0,8}(?:javascript|vbscript|data:text\/html)[:;,]|\bhref\s{0,8}=\s{0,8}["']?\s{0,8}javascript:/i

export function judgeMarkup(text: string): string | undefined {
  if (text.includes('<') && (SCRIPT.test(text) || HANDLER.test(text) || FRAME.test(text) || BEACON.test(text))) return 'definition/script'
  if (text.includes('{') && isTemplateAttack(text)) return 'definition/template'
  return LINK.test(text) ? 'definition/script' : undefined
}
