/** The line with one step taken out: each row must make a test fail, or nobody would notice that the step is gone. */

export interface Mutant {
  readonly name: string
  readonly file: string
  /** Stands in the file exactly once. */
  readonly from: string
  readonly to: string
}

const LINE = 'src/guard/guard.ts'
const STATIONS = 'src/guard/stations.ts'
const FLOW = 'src/guard/flow.ts'

const ANYBODY = "{ kind: 'service', issuer: 'key', subject: 'anybody', actors: [], roles: ['admin', 'user'], claims: {} }"
const YES = "{ effect: 'permit', policies: [], obligations: [], remedies: [], revision: '' }"

export const MUTANTS: readonly Mutant[] = [
  { name: 'admit: everybody finds room', file: LINE, from: 'house.admit(call)', to: '' },
  { name: 'identify: everybody is somebody', file: LINE, from: 'await house.identify(credentials, call)', to: ANYBODY },
  { name: 'what is malformed goes on', file: LINE, from: 'if (call.flaw !== undefined) throw call.flaw', to: '' },
  { name: 'reopen: what we sealed is not asked for', file: LINE, from: 'house.reopen(call, principal)', to: 'call' },
  { name: 'inspect: nothing is seen', file: LINE, from: 'house.inspect(asked, principal, forward)', to: '[]' },
  { name: 'decide: everything is permitted', file: LINE, from: 'house.decide(principal, asked, trail.findings)', to: YES },
  {
    name: 'enforce: the decision is not obeyed',
    file: LINE,
    from: 'await house.enforce(decision, principal, asked, trail.findings, forward)',
    to: 'undefined as Asking',
  },
  { name: 'narrow: all that is asked is asked', file: LINE, from: 'house.narrow(asked, principal)', to: 'asked' },
  { name: 'begin: done before it is written down', file: LINE, from: 'await house.begin(permitted, trail)', to: '' },
  { name: 'release: everything leaves', file: LINE, from: 'await house.release(message, principal, permitted)', to: 'message' },
  { name: 'end: how it ended is not written', file: LINE, from: 'await house.end(call, trail)', to: '' },
  { name: 'admit asks no limit', file: STATIONS, from: 'limits.admit(call)\n', to: '\n' },
  {
    name: 'bad credentials are not counted',
    file: STATIONS,
    from: 'countFailures(parts.authenticate, limits, parts.keyIdOf)',
    to: 'parts.authenticate',
  },
  {
    name: 'no limit is charged',
    file: STATIONS,
    from: 'meter.charge(call, principal, final)',
    to: 'undefined as Promise<void> | undefined',
  },
  {
    name: "anybody's task is everybody's",
    file: STATIONS,
    from: "call.resource.kind === 'task' ? Promise.resolve(charged).then(() => tasks.check(call, principal)) : charged",
    to: 'charged',
  },
  { name: 'headers need not say what the body says', file: STATIONS, from: 'checkMirrors(call, catalog, principal)', to: '' },
  { name: 'a subscription may ask for everything', file: STATIONS, from: 'narrowListen(call, asking.permits(principal))', to: 'call' },
  {
    name: "what a server tells is everybody's",
    file: STATIONS,
    from: 'mayTell(message, call.resource.server, asking.permits(principal))',
    to: 'true',
  },
  {
    name: 'a result is not asked about',
    file: STATIONS,
    from: "checkReceipt(asking.decide(principal, 'receive', call.resource), observing)",
    to: '',
  },
  {
    name: 'lists show everything',
    file: STATIONS,
    from: 'filterList(listed, call.method, call.resource.server, visible)',
    to: 'listed',
  },
  { name: 'a server may ask what nobody declared', file: STATIONS, from: 'checkInputRequests(result, call)', to: '' },
  {
    name: 'requestState leaves unsealed',
    file: STATIONS,
    from: 'return parts.seal.seal(letGo(message), principal, call, approved.continuation(call))',
    to: 'return letGo(message)',
  },
  {
    name: 'nobody looks at what leaves',
    file: STATIONS,
    from: 'const letGo = outlet(message, call, principal)',
    to: 'const letGo = (one: Message) => one',
  },
  {
    name: 'nobody need say yes',
    file: STATIONS,
    from: 'return approved.enforce({ decision: told, principal, call, forward, decide, charge })',
    to: 'return charge(decide({ approved: true, confirmed: true }))',
  },
  {
    name: 'definitions are not looked at',
    file: STATIONS,
    from: 'parts.definitions?.see(message, call, principal) ?? message',
    to: 'message',
  },
  { name: 'what enters is not written down', file: FLOW, from: 'await record.add(personOf(principal), fresh, rememberMs)', to: '' },
  { name: 'nobody asks what has entered', file: FLOW, from: 'record.labelsOf(personOf(principal))', to: '[] as readonly string[]' },
  { name: 'a store is not labelled', file: FLOW, from: 'record.add(storeOf(one), labels, one.rememberMs)', to: 'undefined' },
  { name: 'nobody listens for orders', file: FLOW, from: 'labels.includes(UNTRUSTED)', to: 'labels !== undefined' },
  {
    name: 'a resumed stream brings nothing',
    file: FLOW,
    from: "method === '$stream' && body.id !== undefined",
    to: "method === '' && body.id === undefined",
  },
]
