/** Credentials in what is sent to strangers: the same eyes as for what leaves in answers, over what a call says. */
import type { Finding } from '../core/finding.ts'
import type { JsonObject } from '../core/json.ts'
import { createDetector } from '../inspect/detect.ts'
import { createLook } from '../inspect/redact.ts'

/** Where it stands in the message that it is looked at as. */
const AT = '/params'

/** @param keyPrefixes how this installation's own API keys begin. */
export function createSentSecrets(keyPrefixes: readonly string[]): (said: JsonObject) => readonly Finding[] {
  const detector = createDetector({ labels: new Set(['secret']), personal: [], keyPrefixes })
  const look = createLook(detector, { personal: false, errors: false })
  return (params) =>
    (look.see({ jsonrpc: '2.0', method: 'tools/call', params })?.findings ?? []).map(({ label, detector: by, pointer, span }) => ({
      label,
      detector: by.replace('output/', 'flow/'),
      pointer: pointer.startsWith(AT) ? pointer.slice(AT.length) : pointer,
      ...(span === undefined ? {} : { span }),
    }))
}
