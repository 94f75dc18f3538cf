/** Addresses of mail, and whose they are: read as everybody reads them (RFC 5322 §3.4), and refused where a mail server may read another recipient. */
import { isLike } from '../core/pattern.ts'
import type { Label } from './labels.ts'
import { judgeLine } from './text.ts'

export interface RecipientRule {
  /** Domains that mail may go to; `*.example.com`. Anywhere unless told. */
  readonly domains?: readonly string[]
}

/** More are a mailing list, and belong into one. */
const ADDRESSES_MAX = 1_000
/** RFC 5321 §4.5.3.1. */
const ADDRESS_MAX_CHARS = 320
/** A name in front of an address may be quoted; within the quotes a comma parts nothing. */
const PARTS = /"(?:[^"\\]|\\.)*"|[^,;"]+|[,;"]/gs
/** What may stand in front of an address in angle brackets: nothing that some reader takes for another one. */
const NAME = /^(?:"(?:[^"\\<>]|\\.)*"|[^"<>@()]*)$/s
/** A dot-atom without the routes of old: `%` and `!` in a local part name another host (RFC 5321 appendix F.2). */
const ADDRESS =
  /^[A-Za-z0-9#$&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9#$&'*+/=?^_`{|}~-]+)*@((?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9])$/

/** @returns undefined when every address is one, and its domain is one of those. */
export function judgeRecipients(text: string, { domains }: RecipientRule): Label | undefined {
  const inLine = judgeLine(text)
  if (inLine !== undefined) return inLine
  const written = split(text)
  if (written === undefined || written.length > ADDRESSES_MAX) return 'recipient'
  return written.every((one) => isMeant(one, domains)) ? undefined : 'recipient'
}

/** Undefined: a quote that is not closed. */
function split(text: string): readonly string[] | undefined {
  const found: string[] = []
  let current = ''
  for (const [part] of text.matchAll(PARTS)) {
    if (part === '"') return undefined
    if (part !== ',' && part !== ';') current += part
    else {
      found.push(current.trim())
      current = ''
    }
  }
  return [...found, current.trim()].filter((one) => one !== '')
}

/** The address in `Ann Lee <ann@example.com>`, or all of it. By hand: an expression for the name and the space behind it tries every split of the two. */
function addressIn(written: string): string {
  const at = written.endsWith('>') ? written.lastIndexOf('<') : -1
  return at !== -1 && NAME.test(written.slice(0, at).trimEnd()) ? written.slice(at + 1, -1) : written
}

function isMeant(written: string, domains: readonly string[] | undefined): boolean {
  const address = addressIn(written)
  if (address.length > ADDRESS_MAX_CHARS) return false
  const domain = ADDRESS.exec(address)?.[1]?.toLowerCase()
  return domain !== undefined && (domains === undefined || domains.some((one) => isLike(one, domain)))
}
