/** The line with one of its steps taken out: its stations, and what each of them does in `guard/stations.ts`. */
import type { Mutant } from './table.ts'

const ANYBODY = "{ kind: 'service', issuer: 'key', subject: 'anybody', actors: [], roles: ['admin', 'user'], claims: {} }"
const YES = "{ effect: 'permit', policies: [], obligations: [], remedies: [], revision: '' }"

export const STATIONS: readonly Mutant[] = [
  { name: 'admit: everybody finds room', from: 'house.admit(call)', to: '' },
  { name: 'identify: everybody is somebody', from: 'await house.identify(credentials, call)', to: ANYBODY },
  { name: 'what is malformed goes on', from: 'if (call.flaw !== undefined) throw call.flaw', to: '' },
  { name: 'reopen: what we sealed is not asked for', from: 'house.reopen(call, principal)', to: 'call' },
  { name: 'inspect: nothing is seen', from: 'house.inspect(asked, principal, forward)', to: '[]' },
  { name: 'decide: everything is permitted', from: 'house.decide(principal, asked, trail.findings)', to: YES },
  {
    name: 'enforce: the decision is not obeyed',
    from: 'await house.enforce(decision, principal, asked, trail.findings, forward)',
    to: 'undefined as Asking',
  },
  { name: 'narrow: all that is asked is asked', from: 'house.narrow(asked, principal)', to: 'asked' },
  { name: 'begin: done before it is written down', from: 'await house.begin(permitted, trail)', to: '' },
  {
    name: 'direct: what answers us goes to the server',
    from: 'house.direct(permitted, principal, forward)',
    to: 'forward(permitted, principal)',
  },
  { name: 'release: everything leaves', from: 'await house.release(message, principal, permitted)', to: 'message' },
  { name: 'end: how it ended is not written', from: 'await house.end(call, trail)', to: '' },
].map((row) => ({ ...row, file: 'src/guard/guard.ts' }))

export const STEPS: readonly Mutant[] = [
  { name: 'admit asks no limit', from: 'limits.admit(call)\n', to: '\n' },
  { name: 'one more finds room where every place is taken', from: 'if (underway >= parts.maxCalls) throw full(parts.maxCalls)', to: '' },
  {
    name: 'bad credentials are not counted',
    from: 'countFailures(parts.authenticate, limits, parts.keyIdOf)',
    to: 'parts.authenticate',
  },
  {
    name: 'who is held is let in',
    from: 'checkHeld(countFailures(parts.authenticate, limits, parts.keyIdOf), parts.anomalies)',
    to: 'countFailures(parts.authenticate, limits, parts.keyIdOf)',
  },
  {
    name: 'what is held against a caller is no fact',
    from: 'inspect: withHeld(',
    to: 'inspect: ((one: Inspector, _held?: unknown) => one)(',
  },
  {
    name: 'servers are asked on behalf of who may not call',
    from: "return observing || decision.effect === 'permit' || lacksWord(decision)",
    to: 'return true',
  },
  {
    name: 'who must connect an account is not told so',
    from: 'throw connecting.put(error, call, principal)',
    to: 'throw error',
  },
  {
    name: 'no limit is charged',
    from: 'meter.charge(call, principal, final)',
    to: 'undefined as Promise<void> | undefined',
  },
  {
    name: "anybody's task is everybody's",
    from: "call.resource.kind === 'task' ? Promise.resolve(charged).then(() => tasks.check(call, principal)) : charged",
    to: 'charged',
  },
  {
    name: 'nobody is told which argument does not fit',
    from: 'mismatchOf(findings, (rest) => weigh(principal, call, rest), decision)',
    to: 'decision',
  },
  {
    name: 'a refusal tells of what its caller may not know',
    from: 'isVisible(principal, call.action, call.resource, findings)',
    to: 'true',
  },
  {
    name: 'nobody need say yes',
    from: 'return approved.enforce({ decision: told, principal, call, forward, decide, charge })',
    to: 'return charge(decide({ approved: true, confirmed: true }))',
  },
  { name: 'headers need not say what the body says', from: 'checkMirrors(call, catalog, principal)', to: '' },
  { name: 'a subscription may ask for everything', from: 'narrowListen(call, asking.permits(principal))', to: 'call' },
  {
    name: 'a server is told roots that its operator did not name',
    from: 'rootless.has(call.resource.server) ? withoutRoots(listening) : listening',
    to: 'listening',
  },
  {
    name: 'a server asked for its tools is told roots',
    from: '(rootless.has(asked.resource.server) ? withoutRoots(asked) : asked)',
    to: 'asked',
  },
  {
    name: 'a server may ask for roots',
    from: "if (body.method === 'roots/list' && rootless.has(call.resource.server)) return undefined",
    to: '',
  },
  {
    name: 'which approval a call was begun on is not written',
    from: 'history.write(withApproval(begunEntry(call, trail), approved.approvalOf(call)))',
    to: 'history.write(begunEntry(call, trail))',
  },
  { name: 'what a person answers us goes to the server', from: 'if (approved.takes(call, principal)) return NO_MESSAGES', to: '' },
  {
    name: 'an account that must be connected is not asked for',
    from: 'connected.has(call.resource.server) ? connecting.watch(messages, call, principal) : messages',
    to: 'messages',
  },
  { name: 'what is answered is not metered', from: 'meter.answered(message, principal, call)', to: '' },
  { name: 'that a tool has failed is not noticed', from: 'approved.answered(call, message)', to: '' },
  {
    name: 'tools that have changed are still known',
    from: 'if (body.method === TOOLS_CHANGED) catalog.drop(call.resource.server, clock())',
    to: '',
  },
  {
    name: 'nobody looks at what leaves',
    from: 'const letGo = outlet(message, call, principal)',
    to: 'const letGo = (one: Message) => one',
  },
  { name: "what a server tells is everybody's", from: 'mayTell(message, call.resource.server, asking.permits(principal))', to: 'true' },
  {
    name: 'a result is not asked about',
    from: "checkReceipt(asking.decide(principal, 'receive', call.resource), observing)",
    to: '',
  },
  { name: 'what a client can be asked is not learned', from: "if (call.method === 'initialize') declared.learn(call, principal)", to: '' },
  { name: 'definitions are not looked at', from: 'parts.definitions?.see(message, call, principal) ?? message', to: 'message' },
  {
    name: 'what tools there are is not learned',
    from: "call.method === 'tools/list' ? catalog.learn(message, call, principal) : message",
    to: 'message',
  },
  { name: 'lists show everything', from: 'filterList(listed, call.method, call.resource.server, visible)', to: 'listed' },
  {
    name: "tasks are listed that are somebody else's",
    from: 'tasks.narrow(filtered, call, principal).then(letGo)',
    to: 'letGo(filtered)',
  },
  {
    name: 'results are cached for everybody',
    from: 'limitCaching(limitRevisions(filtered, call.method), call.method)',
    to: 'limitRevisions(filtered, call.method)',
  },
  { name: 'revisions are offered that we do not speak', from: 'limitRevisions(filtered, call.method)', to: 'filtered' },
  { name: 'a server may ask what nobody declared', from: 'checkInputRequests(result, call)', to: '' },
  {
    name: 'requestState leaves unsealed',
    from: 'return parts.seal.seal(letGo(message), principal, call, approved.continuation(call))',
    to: 'return letGo(message)',
  },
  { name: 'an approval does not go on into the second leg', from: 'approved.continuation(call)', to: 'undefined' },
  {
    name: 'whose task it is is not remembered',
    from: 'tasks.remember(message, call, principal).then(() => letGo(message))',
    to: 'letGo(message)',
  },
  {
    name: 'what a tool promises is not held to',
    from: 'catalog.find(server, name, principal)?.definition,',
    to: 'undefined,',
  },
  { name: 'who has ended keeps the place', from: 'if (trail.admitted === true) underway--', to: '' },
  { name: 'who has ended keeps what limits counted', from: 'limits.end(call)\n', to: '\n' },
  {
    name: 'how much was answered is not written',
    from: 'meter.record(call, endedEntry(',
    to: '((_call: Call, one: Entry) => one)(call, endedEntry(',
  },
  { name: 'the decision that let it through is not written', from: 'approved.decided(call, trail)', to: 'trail' },
  {
    name: 'which approval a call ended on is not written',
    from: 'withApproval(ended, approved.approvalOf(call, trail.denial))',
    to: 'ended',
  },
  { name: 'what became of an approval is not written', from: 'const spent = approved.end(call, trail)', to: 'const spent = undefined' },
  {
    name: 'that a server was asked for its tools is not written',
    from: "    history.write({\n      type: 'tools.asked'",
    to: "    Promise.resolve<unknown>({\n      type: 'tools.asked'",
  },
  {
    name: 'a definition that cannot be judged by is not written',
    from: "history.write({ type: 'tool.flawed', resource, findings, by: 'gateway' })",
    to: 'Promise.resolve()',
  },
].map((row) => ({ ...row, file: 'src/guard/stations.ts' }))
