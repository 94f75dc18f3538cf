/** The files of a store are its owner's alone, also those that a copy has brought with other rights. */
import { chmodSync, existsSync, lstatSync, readdirSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { Fault } from '../core/denial.ts'

const OTHERS = 0o077
/** Behind the name of the database: what is ours beside it. */
const BESIDE = /^(?:|-wal|-shm|-servers|-live|-[a-z]+(?:\.[0-9]{6})?\.log|-[a-z]+\.marks)$/

/** Before SQLite opens the database: it gives the files that it makes beside it the same mode. @param onFault told what others could read until now */
export function keepFromOthers(path: string, onFault: (fault: Fault) => void): void {
  if (process.platform === 'win32' || !existsSync(path)) return
  const real = realpathSync(path)
  const [folder, name] = [dirname(real), basename(real)]
  const ours = readdirSync(folder).filter((file) => file.startsWith(name) && BESIDE.test(file.slice(name.length)))
  const open = ours.map((file) => join(folder, file)).filter(isOpen)
  if (open.length === 0) return
  for (const file of open) close(file)
  const still = open.filter(isOpen)
  const what =
    still.length === 0
      ? `${open.join(', ')}: others could read this until now; it is its owner's alone again`
      : `${still.join(', ')}: others can read this; make it the gateway's alone (chmod go= FILE, as its owner)`
  onFault(new Fault('FAULT_STORE', what))
}

/** Links lead to what is somebody else's business. */
function isOpen(file: string): boolean {
  const found = lstatSync(file, { throwIfNoEntry: false })
  return found !== undefined && !found.isSymbolicLink() && (found.mode & OTHERS) !== 0
}

function close(file: string): void {
  try {
    chmodSync(file, lstatSync(file).mode & 0o700)
  } catch {
    // It is somebody else's, or gone: what is still open is told.
  }
}
