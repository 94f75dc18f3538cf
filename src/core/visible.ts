/** Text from elsewhere, fit to be looked at: everything that is there is seen, and nothing moves a cursor or turns the direction of writing. */

/**
 * What eyes do not see, or see elsewhere than it stands: controls, formats and turns of direction, surrogates, characters of private use,
 * separators and blanks that are no blank, and all that may be left out when it is drawn (Unicode 16, Default_Ignorable_Code_Point).
 */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs}/gu

/** As `\u202e`, the way JSON itself would write it. */
export function visible(text: string): string {
  return text.replace(UNSEEN, (character) =>
    Array.from({ length: character.length }, (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  )
}
