/** A key for each use of a key of the authorization server. */
import { hkdfSync } from 'node:crypto'

const KEY_BYTES = 32

/** 32 bytes for one use of a key (HKDF-SHA-256, RFC 5869): a key never serves two. */
export function deriveKey(key: Uint8Array, use: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, '', `portcullis oauth ${use} v1`, KEY_BYTES))
}
