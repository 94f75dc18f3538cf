/** What a person is shown of a call before they say yes: all of it, as what it is, and nothing that can hide or turn around. */
import type { JsonValue } from '../core/json.ts'
import { canonical } from '../core/json.ts'

/**
 * What eyes do not see, or see elsewhere than it stands: controls, formats and turns of direction, surrogates, characters of private use,
 * separators and blanks that are no blank, and all that may be left out when it is drawn (Unicode 16, Default_Ignorable_Code_Point).
 */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs}/gu

/** A text in which everything that is there is seen: as `\u202e`, the way JSON itself would write it. */
export function visible(text: string): string {
  return text.replace(UNSEEN, (character) =>
    Array.from({ length: character.length }, (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  )
}

/** Canonical (RFC 8785), a member a line; still the same JSON. */
export function visibleJson(value: JsonValue): string {
  return JSON.stringify(JSON.parse(canonical(value)), null, 2)
    .split('\n')
    .map(visible)
    .join('\n')
}
