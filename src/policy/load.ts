/** Policy files: parsed, named, and their mistakes told as file:line:column. */
import { readFileSync, statSync } from 'node:fs'
import {
  checkParsePolicySet,
  type DetailedError,
  type PolicyJson,
  policySetTextToParts,
  policyToJson,
  policyToText,
  type SourceLocation,
} from '@cedar-policy/cedar-wasm/nodejs'
import { Fault } from '../core/denial.ts'

const WRITABLE_BY_ALL = 0o002

/** A policy file as it was read. */
export interface PolicyFile {
  /** As it is to be shown in messages. */
  readonly path: string
  readonly text: string
}

export interface Policy {
  /** Unique in the law: `@id`, or `file:line` where none is written, or the place in `access:`. */
  readonly id: string
  readonly text: string
  readonly json: PolicyJson
  /** Where it stands: absent for what was made from `access:`. */
  readonly place?: Place
}

interface Place {
  readonly file: PolicyFile
  /** UTF-16 offset of the policy in the file. */
  readonly start: number
}

/** Far beyond any law that people can review; keeps a wrong path from being read into memory. */
export const POLICY_FILE_MAX_BYTES = 1024 * 1024

/** @throws Fault `FAULT_POLICY` when a file cannot be read, is too large, or is not UTF-8. */
export function readPolicies(paths: readonly (string | URL)[], shown: (path: string | URL) => string = String): PolicyFile[] {
  return paths.map((path) => {
    try {
      const { size, mode } = statSync(path)
      if (size > POLICY_FILE_MAX_BYTES) throw new Error(`larger than ${POLICY_FILE_MAX_BYTES} bytes`)
      // Our own lies where the package does.
      if (typeof path === 'string' && process.platform !== 'win32' && (mode & WRITABLE_BY_ALL) !== 0)
        throw new Error(`everybody may write it; run "chmod o-w ${path}"`)
      return { path: shown(path), text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(path)) }
    } catch (error) {
      throw new Fault('FAULT_POLICY', `${shown(path)}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    }
  })
}

/** The policies of one file, in the order in which they are written. @throws Fault `FAULT_POLICY` */
export function parsePolicies(file: PolicyFile): Policy[] {
  const whole = checkParsePolicySet({ staticPolicies: file.text })
  if (whole.type === 'failure') throw mistakes(whole.errors, { file, start: 0 })
  const pieces = split(file.text)
  checkComplete(file, pieces.length)
  return pieces.map(({ start, text }) => {
    const place = { file, start }
    const parsed = policyToJson(text)
    if (parsed.type === 'failure') throw mistakes(parsed.errors, place)
    return { id: parsed.json.annotations?.['id'] ?? `${file.path}:${lineAndColumn(file.text, start).line}`, text, json: parsed.json, place }
  })
}

/** A policy of our own making. */
export function policyFromJson(id: string, json: PolicyJson): Policy {
  const text = policyToText(json)
  if (text.type === 'failure') throw mistakes(text.errors, id)
  return { id, text: text.text, json }
}

/** Cedar's complaints as one Fault, a line each. `within`: where the text that Cedar saw begins, or the name of what has no place. */
export function mistakes(errors: readonly DetailedError[], within: Place | string): Fault {
  return new Fault('FAULT_POLICY', errors.map((error) => mistake(error, within)).join('\n'))
}

/** How Cedar begins, though the place already says which. */
const FOR_POLICY = /^for policy `(?:[^`\\]|\\.)*`, /

function mistake(error: DetailedError, within: Place | string): string {
  const [source] = error.sourceLocations ?? []
  const label = source?.label == null ? '' : `, ${source.label}`
  const help = error.help === null ? '' : ` (${error.help})`
  return `${where(within, source)}: ${error.message.replace(FOR_POLICY, '')}${label}${help}`
}

/** `file:line:column`, both from 1. Cedar counts UTF-8 bytes from the beginning of what it was given. */
export function where(within: Place | string, source?: SourceLocation): string {
  if (typeof within === 'string') return within
  const { file, start } = within
  const before = source === undefined ? 0 : Buffer.from(file.text.slice(start)).subarray(0, source.start).toString().length
  const { line, column } = lineAndColumn(file.text, start + before)
  return `${file.path}:${line}:${column}`
}

function lineAndColumn(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset)
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') }
}

/**
 * Cuts a file that Cedar has parsed at the `;` that end its policies. Cedar's own `policySetTextToParts` loses places and order
 * (it sorts `policy10` before `policy2`); it only confirms the count.
 */
function split(text: string): { readonly start: number; readonly text: string }[] {
  const pieces: { start: number; text: string }[] = []
  let start = -1
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at)
    if (char === '/' && text.charAt(at + 1) === '/') at = commentEnd(text, at)
    else if (char.trim() !== '') {
      if (start === -1) start = at
      if (char === '"') at = stringEnd(text, at)
      if (char !== ';') continue
      pieces.push({ start, text: text.slice(start, at + 1) })
      start = -1
    }
  }
  return pieces
}

function commentEnd(text: string, from: number): number {
  let at = from
  while (at < text.length && text.charAt(at) !== '\n' && text.charAt(at) !== '\r') at++
  return at
}

function stringEnd(text: string, from: number): number {
  let at = from + 1
  while (at < text.length && text.charAt(at) !== '"') at += text.charAt(at) === '\\' ? 2 : 1
  return at
}

/** A piece lost here would be a forbid lost. */
function checkComplete(file: PolicyFile, found: number): void {
  const parts = policySetTextToParts(file.text)
  if (parts.type === 'failure') throw mistakes(parts.errors, { file, start: 0 })
  if (parts.policies.length !== found)
    throw new Fault('FAULT_POLICY', `${file.path}: ${parts.policies.length} policies, but ${found} could be told apart`)
}
