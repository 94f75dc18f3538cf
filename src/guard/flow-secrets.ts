/** Credentials in what is sent to strangers: the same eyes as for what leaves in answers, over the arguments of a call. */
import type { Call } from '../core/call.ts'
import type { Finding } from '../core/finding.ts'
import { createDetector } from '../inspect/detect.ts'
import { createLook } from '../inspect/redact.ts'

/** Where the arguments stand in the message that they are looked at as. */
const AT = '/params'

/** @param keyPrefixes how this installation's own API keys begin. */
export function createSentSecrets(keyPrefixes: readonly string[]): (call: Call) => readonly Finding[] {
  const detector = createDetector({ labels: new Set(['secret']), personal: [], keyPrefixes })
  const look = createLook(detector, { personal: false, errors: false })
  return ({ arguments: params, method }) =>
    (look.see({ jsonrpc: '2.0', method, params }, '')?.findings ?? []).map(({ label, detector: by, pointer, span }) => ({
      label,
      detector: by.replace('output/', 'flow/'),
      pointer: pointer.startsWith(AT) ? pointer.slice(AT.length) : pointer,
      ...(span === undefined ? {} : { span }),
    }))
}
