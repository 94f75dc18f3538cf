/** Passwords on command lines: behind an option and a user, or behind `-p`. */
import { isRedacted, SHOWN, type Span } from './assigned.ts'
import { isPlaceholder } from './shapes.ts'

/** A password on a command line, behind its option and its user. */
const OPTION = /(?:(?:^|\s)(?:-u|--user|--proxy-user)[ =]?["']?[\w.@-]{1,64}:|\bsshpass -p ?["']?)$/

/** @param start of a run. @param endOf where its word ends. */
export function optioned(text: string, start: number, endOf: () => number): Span | undefined {
  if (!OPTION.test(text.slice(Math.max(0, start - OPTION_CHARS), start))) return undefined
  const end = endOf()
  return isPlaceholder(text.slice(start, end)) ? undefined : { rule: 'authorization', start, end }
}

const OPTION_CHARS = 96
const GIVEN = /(?!["'$<{%*])[^\s"'|;&]{6,128}/y
const MYSQL = /\bmysql(?:dump|admin)?\b[^\n|;&]{0,160} $/
const COMMAND_CHARS = 192

const SSHPASS = /\bsshpass $/
const SPACED = /-p ?["']?/y

/** @param at where the colon behind a user stands, or `-p` begins. @returns the password that a command line has there. */
export function commanded(text: string, at: number): Span | undefined {
  const isColon = text[at] === ':'
  const before = text.slice(Math.max(0, at - COMMAND_CHARS), isColon ? at + 1 : at)
  const isSpaced = !isColon && SSHPASS.test(before)
  SPACED.lastIndex = at
  const start = isColon ? at + 1 : isSpaced && SPACED.test(text) ? SPACED.lastIndex : at + 2
  if (!isSpaced && !(isColon ? OPTION : MYSQL).test(before)) return undefined
  GIVEN.lastIndex = start
  const value = GIVEN.exec(text)?.[0]
  if (value === undefined || SHOWN.test(value) || isPlaceholder(value) || isRedacted(value) || /^[a-z]*$/.test(value)) return undefined
  return { rule: 'authorization', start, end: start + value.length }
}
