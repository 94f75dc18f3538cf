/** What Redis and the way to it say when they cannot, as a Fault that names the next step. */
import { Fault } from '../core/denial.ts'

/** Beginnings of what Redis answers, or codes of sockets: what to do. */
const STEPS: readonly (readonly [RegExp, string])[] = [
  [/^OOM/, 'its memory is full: raise maxmemory, or free some; nothing was written'],
  [/^(NOAUTH|WRONGPASS)/, 'it does not take this user and password: see `store`'],
  [/^NOPERM/, 'the user may not do this: see the rights that docs/storage.md names'],
  [/^READONLY/, 'it is a replica: name the primary, or use Sentinel'],
  [/^(MISCONF|NOREPLICAS)/, 'it takes no writes now: see its own log'],
  [/^(LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY)/, 'it is not ready yet'],
  [/ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ECONNRESET|EPIPE/, 'it cannot be reached: see that it runs'],
  [
    /certificate|self.signed|ERR_TLS|ERR_SSL|wrong version number/i,
    'no trusted connection comes about: see `store.ca`, and whether it speaks TLS',
  ],
]

/** A Fault `FAULT_STORE` for anything that Redis or its client threw; a Fault stays what it is. */
export function redisFault(error: unknown, address: string): Fault {
  if (error instanceof Fault) return error
  const said = textOf(error)
  const step = STEPS.find(([sign]) => sign.test(said))?.[1] ?? 'the store does not work: look at the cause'
  return new Fault('FAULT_STORE', `${address}: ${step} (${said})`, { cause: error })
}

/** Of many attempts to connect at once the last. */
function textOf(error: unknown): string {
  if (error instanceof AggregateError) return textOf(error.errors.at(-1))
  if (!(error instanceof Error)) return String(error)
  return error.message === '' && 'code' in error ? String(error.code) : error.message
}
