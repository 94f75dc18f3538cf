/** Cell programs that reach outside of their sheet (OWASP CSV Injection): DDE, and functions that fetch or run, where they stand as a formula does and not as words in a list. */

/** What may stand in front of a formula in a cell, and the signs that begin one. */
const LEAD = String.raw`^[\s"']{0,8}`
/** Names that are no words of any language. */
const FETCHES = String.raw`DDE|HYPERLINK|WEBSERVICE|IMPORT(?:XML|DATA|HTML|FEED|RANGE)|FILTERXML|REGISTER\.ID|RTD`
/** Those that are words too: people write `- call (or write)`. */
const RUNS = 'CALL|EXEC'

/** `=cmd|' /C calc'!A0`: a program, a topic, a cell. */
const DDE = String.raw`[=+\-@][^\n]{0,200}?(?:\w\|\s{0,4}['"/]|\|[^|\n]{0,60}![A-Z]{1,3}\$?\d)`
/** `=IF(1,HYPERLINK("…"))`, `-2+WEBSERVICE("…")`. */
const CALLED = String.raw`[=+\-@][^\n]{0,200}?\b(?:${FETCHES})\(`
/** With a blank in front of the bracket, as sheets take it too: right behind a sign. */
const APART = String.raw`[=+\-@](?:[^\n]{0,200}?[-+*/^&(,;=@])?(?:${FETCHES})\s{1,4}\(`
/** Nothing but a formula begins with `=` and a name or a number. */
const EQUATED = String.raw`=(?=[\w$"'({+@-])[^\n]{0,200}?\b(?:${FETCHES}|${RUNS})\s{0,4}\(`
/** Words of a list have a blank behind its sign, those to somebody one behind the name. */
const RUN = String.raw`[=+\-@](?:\s{0,4}[\d.][\d.\s]{0,20}[-+*/^&,;=(]\s{0,4}|(?<==)\s{1,8}|[^\s]{0,200}?)\b(?:${RUNS})\(`

const FORMULA = new RegExp(`${LEAD}(?:${DDE}|${CALLED}|${APART}|${EQUATED}|${RUN})`, 'i')

export const isFormulaAttack = (text: string): boolean => FORMULA.test(text)
