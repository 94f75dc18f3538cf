/** The one secret of an installation: 32 random bytes in a file of its own, from which a key for each purpose is derived. */
import { createPrivateKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { Fault } from '../core/denial.ts'

/** What keys are for. A key never serves two purposes. */
export type Purpose =
  | 'peers'
  | 'installation'
  | 'api-key'
  | 'arguments'
  | 'request-state'
  | 'journal'
  | 'journal-head'
  | 'dpop-nonce'
  | 'oauth-cookies'
  | 'oauth-identifiers'
  | 'agent-tokens'
  | 'admin-pages'
  | 'sealed-values'
  | 'sealed-records'
  | 'connections'
  | 'servers'
  | 'handles'

const KEY_BYTES = 32
/** DER of a PKCS#8 Ed25519 private key up to its 32 seed bytes (RFC 8410 §7). */
const ED25519_PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')

export class Keyring {
  readonly #master: Uint8Array
  constructor(master: Uint8Array) {
    this.#master = master
  }
  /** 32 bytes for one purpose (HKDF-SHA-256, RFC 5869). */
  key(purpose: Purpose): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#master, '', `portcullis ${purpose} v1`, KEY_BYTES))
  }
  /** The Ed25519 key that signs journal checkpoints. */
  signingKey(): KeyObject {
    return createPrivateKey({ key: Buffer.concat([ED25519_PKCS8, this.key('journal')]), format: 'der', type: 'pkcs8' })
  }
}

/** A keyring that lives and dies with the process: for stores in memory. */
export function createKeyring(): Keyring {
  return new Keyring(randomBytes(KEY_BYTES))
}

/**
 * Reads the key file, or makes it on first use with mode 0600.
 * @param isFirst whether this may be the first use
 * @throws Fault `FAULT_KEYFILE` when others may read it, it is not 32 bytes, or it is not there and this is not its first use.
 */
export function openKeyring(path: string, isFirst = true): Keyring {
  const master = readKey(path) ?? (isFirst ? makeKey(path) : undefined)
  if (master === undefined)
    throw new Fault('FAULT_KEYFILE', `${path}: there is no such key file; put back the one that the store was written with`)
  if (master.length !== KEY_BYTES) throw new Fault('FAULT_KEYFILE', `${path} must hold ${KEY_BYTES} bytes, it holds ${master.length}`)
  return new Keyring(master)
}

function readKey(path: string): Buffer | undefined {
  try {
    const { mode, uid } = statSync(path)
    // What root hands to a group of ours we cannot take away from it, as where Kubernetes mounts a secret; PostgreSQL's rule for its key is this one too.
    const others = uid === 0 && process.getuid?.() !== 0 ? 0o037 : 0o077
    if (process.platform !== 'win32' && (mode & others) !== 0) {
      throw new Fault('FAULT_KEYFILE', `${path} can be read by others (mode ${(mode & 0o777).toString(8)}); run: chmod 600 ${path}`)
    }
    return readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Written aside and linked into place, so that of two first starts both read one whole key. */
function makeKey(path: string): Buffer {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const aside = `${path}.${randomBytes(6).toString('hex')}`
  const file = openSync(aside, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
  try {
    fchmodSync(file, 0o600)
    writeSync(file, randomBytes(KEY_BYTES))
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  try {
    linkSync(aside, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    unlinkSync(aside)
  }
  return readFileSync(path)
}
