/** Shows a page to the person at this machine: one program, one argument, no shell (CVE-2025-6514). */
import { spawn } from 'node:child_process'
import { Fault } from '../core/denial.ts'
import { isSafe } from './resource.ts'

/** The program that opens a URL, and the arguments before it. */
const OPENERS: Readonly<Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>>> = {
  darwin: ['open'],
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
}
const OPENER: readonly [string, ...string[]] = ['xdg-open']
/** A machine without a screen. */
const NEXT = 'Where there is no browser, tell the person yourself: grant: { kind: "sign_in", open: (url) => … }'

/** @throws Fault `FAULT_SIGN_IN` for anything but https, or http on this machine (UV-1): the URL is a server's word. */
export function checkPage(url: URL): void {
  if (!isSafe(url))
    throw new Fault('FAULT_SIGN_IN', `A page is not opened at ${url.protocol}//${url.host}: only https, or http on this machine`)
  if (url.username !== '' || url.password !== '') throw new Fault('FAULT_SIGN_IN', 'A page is not opened at a URL with credentials')
}

/**
 * Resolves when the program has done its work, which with some is when the browser is closed: whoever waits for the person waits for both.
 * Whether it goes on does not keep this process.
 * @throws Fault `FAULT_SIGN_IN` when the URL is not to be opened; `FAULT_BROWSER` when this machine has no such program, or it shows nothing.
 */
export async function openPage(url: URL): Promise<void> {
  checkPage(url)
  const [program, ...before] = OPENERS[process.platform] ?? OPENER
  const child = spawn(program, [...before, url.href], { shell: false, stdio: 'ignore', detached: true })
  child.unref()
  await new Promise<void>((resolve, reject) => {
    const fail = (what: string, cause?: unknown): void =>
      reject(new Fault('FAULT_BROWSER', `${program} ${what}: nobody was shown ${url.href}. ${NEXT}`, { cause }))
    child.once('error', (cause) => fail('cannot be started', cause))
    child.once('exit', (status, signal) => (status === 0 ? resolve() : fail(`ended with ${status ?? signal}`)))
  })
}
