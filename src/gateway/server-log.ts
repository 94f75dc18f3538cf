/** What servers say on their standard error, kept for people: two bounded files for each server, beside the store. */
import { appendFileSync, existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Config } from '../config/config.ts'
import { IN_MEMORY } from '../config/store.ts'
import { Fault } from '../core/denial.ts'
import type { Secret } from '../core/secret.ts'
import type { Clock } from '../core/time.ts'
import { createDetector } from '../inspect/detect.ts'

/** A full file makes room for an empty one and takes the place of the one before. */
const FILE_MAX_BYTES = 1024 * 1024

const SUFFIX = '.log'

/** One line of it. */
export interface ServerLine {
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Escaped and redacted. */
  readonly text: string
}

type LoggedConfig = Pick<Config, 'store' | 'redis' | 'keyFile'>

/** @returns the older file and the newer one; undefined when the store is in memory, beside which nothing can be kept. */
export function serverLogFiles(config: LoggedConfig, server: string): readonly [older: string, newer: string] | undefined {
  const folder = folderOf(config)
  if (folder === undefined) return undefined
  const file = join(folder, server + SUFFIX)
  return [`${file}.1`, file]
}

/** Servers of which there is a log, also those that the configuration does not name: `run` takes a command line. */
export function loggedServers(config: LoggedConfig): readonly string[] {
  const folder = folderOf(config)
  if (folder === undefined || !existsSync(folder)) return []
  const logs = readdirSync(folder).filter((name) => name.endsWith(SUFFIX))
  return logs.map((name) => name.slice(0, -SUFFIX.length)).sort()
}

function folderOf({ store, redis, keyFile }: LoggedConfig): string | undefined {
  if (store === IN_MEMORY) return undefined
  // A store that is no file has a folder here all the same: that of the key.
  return redis === undefined || keyFile === undefined ? `${store}-servers` : join(dirname(keyFile), 'servers')
}

/** Keeps one line. It never throws: that a log cannot be written is no reason to end a server. */
export type ServerLog = (server: string, text: string) => void

/** @param onFault told once, until it can be written again. */
export function createServerLog(config: LoggedConfig, clock: Clock, onFault: (fault: Fault) => void): ServerLog {
  const failing = new Set<string>()
  return (server, text) => {
    const files = serverLogFiles(config, server)
    if (files === undefined) return
    const [older, newer] = files
    try {
      mkdirSync(dirname(newer), { recursive: true, mode: 0o700 })
      if ((statSync(newer, { throwIfNoEntry: false })?.size ?? 0) > FILE_MAX_BYTES) renameSync(newer, older)
      const line: ServerLine = { at: clock(), text }
      appendFileSync(newer, `${JSON.stringify(line)}\n`, { mode: 0o600 })
      failing.delete(server)
    } catch (cause) {
      if (!failing.has(server)) onFault(new Fault('FAULT_LOG', `${newer}: what ${server} says cannot be kept`, { cause }))
      failing.add(server)
    }
  }
}

/**
 * Takes out of a line what it must not say: what its server was given in secret, and whatever else is a credential by its form.
 * @param prefixes with which API keys of this installation begin
 */
export function createRedactor(prefixes: readonly string[], given: readonly Secret[]): (text: string) => string {
  const detector = createDetector({ labels: new Set(['secret']), personal: [], keyPrefixes: prefixes })
  const known = given.map((secret) => secret.reveal()).filter((text) => text.length >= SECRET_MIN_CHARS)
  return (text) => {
    let line = text
    for (const secret of known) line = line.replaceAll(secret, REDACTED)
    let kept = ''
    let at = 0
    for (const { start, end } of detector.find(line, {})) {
      kept += line.slice(at, start) + REDACTED
      at = end
    }
    return kept + line.slice(at)
  }
}

const REDACTED = '[redacted:secret]'
/** What is shorter stands in many a word. */
const SECRET_MIN_CHARS = 6
