/** Credentials that a caller has put where a name belongs: taken out of what is written down, because names are written whole. */
import type { Entry } from '../core/event.ts'
import type { Finding } from '../core/finding.ts'
import { createDetector } from '../inspect/detect.ts'
import { glance } from '../inspect/glance.ts'
import { replaced } from '../inspect/leaves.ts'

/** No credential that is known by its form or stands in a URL is shorter; tools and arguments are mostly called less. */
const SHORTEST = 16

/** More names than an installation has; whoever sends others is looked at each time. */
const KNOWN_MAX = 1_024
const KNOWN_CHARS = 256

type Written = { -readonly [Member in keyof Entry]: Entry[Member] }

/** @param keyPrefixes how this installation's own API keys begin. @returns a function whose answer is the very entry where there is nothing in it. */
export function createHistorySecrets(keyPrefixes: readonly string[]): (entry: Entry) => Entry {
  const detector = createDetector({ labels: new Set(['secret']), personal: [], keyPrefixes })
  /** What was looked at and is clean: agents and tools are called the same all day. */
  const known = new Set<string>()
  const clean = (text: string): string => {
    if (text.length < SHORTEST || known.has(text)) return text
    if (!glance(Buffer.from(text, 'latin1'))) {
      if (known.size < KNOWN_MAX && text.length <= KNOWN_CHARS) known.add(text)
      return text
    }
    const hits = detector.find(text, {})
    return hits.length === 0 ? text : replaced(text, hits, false)
  }
  return (entry) => {
    const { method, resource, agent, detail, arguments: shapes, findings } = entry
    const changed: Partial<Written> = {}
    if (method !== undefined && clean(method) !== method) changed.method = clean(method)
    if (agent !== undefined && clean(agent) !== agent) changed.agent = clean(agent)
    if (detail !== undefined && clean(detail) !== detail) changed.detail = clean(detail)
    if (resource !== undefined && clean(resource.name) !== resource.name) changed.resource = { ...resource, name: clean(resource.name) }
    if (shapes !== undefined && Object.keys(shapes).some((name) => clean(name) !== name))
      changed.arguments = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [clean(name), shape]))
    if (findings?.some(({ pointer }) => clean(pointer) !== pointer) === true)
      changed.findings = findings.map((finding) => named(finding, clean))
    return Object.keys(changed).length === 0 ? entry : { ...entry, ...changed }
  }
}

/** The span is one of the text, and stays. */
const named = (finding: Finding, clean: (text: string) => string): Finding => ({ ...finding, pointer: clean(finding.pointer) })
