/** The files of an installation itself: nobody else is shown them. */
import type { Config } from './config.ts'
import { IN_MEMORY } from './store.ts'

/** The store and what begins like it, the keys, the configuration, the history. */
export function ownFiles({ store, redis, keyFile, sealing, file, audit, tls }: Config): readonly string[] {
  const files = [
    redis === undefined ? (store === IN_MEMORY ? undefined : store) : redis.spool.folder,
    redis?.tls?.key,
    keyFile,
    file,
    audit.file === 'stdout' ? undefined : audit.file,
    tls?.key,
  ]
  return [...files.filter((path) => path !== undefined), ...sealing.files]
}
