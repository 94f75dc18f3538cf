/** HTML in which everything is escaped but what was written here. */

/** Markup that was made by `html`, and may stand in markup as it is. */
export class Html {
  readonly #text: string
  constructor(text: string) {
    this.#text = text
  }
  toString(): string {
    return this.#text
  }
}

type Part = string | number | Html | undefined | readonly Html[]

/** A tagged template: texts are escaped, `Html` is not, undefined is nothing. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  let text = strings[0] ?? ''
  for (const [at, part] of parts.entries()) text += write(part) + (strings[at + 1] ?? '')
  return new Html(text)
}

function write(part: Part): string {
  if (part === undefined) return ''
  if (part instanceof Html) return part.toString()
  return typeof part === 'object' ? part.map(String).join('') : escapeText(String(part))
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '').replace(UNSEEN, (character) => `\\u${hex(character)}`)
}

/**
 * Controls, invisible characters, blanks that are none to a program, and those that turn the direction of text: shown, so that nobody hides
 * behind them. Which of its forms a character has is no such thing (variation selectors).
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u2800]|(?![ \u00a0])\p{Zs}|(?![\ufe00-\ufe0f])\p{Default_Ignorable_Code_Point}/gu

function hex(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')
}
