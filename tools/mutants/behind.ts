/** What stands behind the stations, with one step taken out: flow, approval, release, definitions, arguments, limits, identity. */
import { APPROVAL } from './approval.ts'
import { type Mutant, rows } from './rows.ts'

const FLOW: readonly Mutant[] = [
  ...rows('src/guard/flow.ts', [
    {
      name: 'what enters is not written down',
      seenBy: ['journeys/flow'],
      from: 'await record.add(personOf(principal), fresh, rememberMs)',
      to: '',
    },
    {
      name: 'what is said after a call is asked about nobody',
      seenBy: ['journeys/flow'],
      from: 'later.check(call, principal, stations.decide)?.then(enforce) ?? enforce()',
      to: 'enforce()',
    },
    {
      name: 'nobody asks what has entered',
      seenBy: ['journeys/flow'],
      from: 'record.labelsOf(personOf(principal))',
      to: 'Promise.resolve([] as readonly string[])',
    },
    {
      name: 'a store is not labelled',
      seenBy: ['journeys/flow'],
      from: 'record.add(storeOf(one), labels, one.rememberMs)',
      to: 'undefined',
    },
    {
      name: 'what lies in a store is not read',
      seenBy: ['journeys/flow'],
      from: 'record.labelsOf(storeOf(one))',
      to: '[] as readonly string[]',
    },
    { name: 'nobody listens for orders', seenBy: ['journeys/flow'], from: 'labels.includes(UNTRUSTED)', to: 'labels !== undefined' },
    {
      name: 'what a server says by itself is not heard',
      seenBy: ['journeys/flow-ways'],
      from: 'place.isNowhere && isDefining(call, message)',
      to: 'place.isNowhere',
    },
    {
      name: 'a resumed stream brings nothing',
      seenBy: ['journeys/flow'],
      from: "method === '$stream' && body.id !== undefined",
      to: "method === '' && body.id === undefined",
    },
    {
      name: 'pictures in what is sent are not seen',
      seenBy: ['journeys/flow'],
      from: '...(place.isSink && labels.length > 0 ? pictured({ ...along, ...call.arguments }) : [])',
      to: '',
    },
  ]),
  ...rows('src/guard/create.ts', [
    {
      name: 'credentials in the place of names are written down',
      seenBy: ['gateway/attacks'],
      from: '{ spools: true, tidy, ...options }',
      to: '{ spools: true, ...options }',
    },
    {
      name: 'no flow is kept',
      seenBy: ['journeys/flow'],
      from: 'withFlow(line, { config, store, clock, isRead: () => law.readsFlow })',
      to: 'line',
    },
    {
      name: 'anybody uses the handles of anybody',
      seenBy: ['guard/handles'],
      from: 'withHandles(withFlow(line, { config, store, clock, isRead: () => law.readsFlow }), { config, store, clock, keyring })',
      to: 'withFlow(line, { config, store, clock, isRead: () => law.readsFlow })',
    },
  ]),
  ...rows('src/guard/limited.ts', [
    {
      name: 'what was over at once keeps a place',
      seenBy: ['guard/tasks'],
      from: 'if (!task.isOver) limits',
      to: 'limits',
    },
    {
      name: 'a task that is over keeps its place',
      seenBy: ['guard/tasks'],
      from: 'for (const id of endedIn(message, call)) limits.taskEnded(call, id)',
      to: '',
    },
    {
      name: 'what leaves is not budgeted',
      seenBy: ['journeys/flow'],
      from: 'charged === undefined ? budget(call, principal) : charged.then(() => budget(call, principal))',
      to: 'charged',
    },
  ]),
]

const RELEASE: readonly Mutant[] = [
  ...rows('src/guard/outlet.ts', [
    {
      name: 'what is too large to be looked at leaves',
      seenBy: ['guard/outlet'],
      from: 'if (bytes.length > settings.maxBytes) return (larger) => oversized(larger, parts)',
      to: '',
    },
    {
      name: 'what a stream said before is forgotten',
      seenBy: ['guard/outlet'],
      from: 'if (body.method !== undefined) tails.set(call, look.tailOf(body, before))',
      to: '',
    },
    {
      name: 'what was found leaves as it is',
      seenBy: ['guard/outlet'],
      from: 'return redacted(found, principal, call, seen, decision)',
      to: 'return found',
    },
    {
      name: 'an answer need not be what its tool promises',
      seenBy: ['guard/outlet'],
      from: 'if (isTouched && !conforms(body, call, principal)) throw',
      to: 'if (false as boolean) throw',
    },
    {
      name: 'what must not leave is redacted where it must be blocked',
      seenBy: ['guard/outlet'],
      from: "treatments.get(label) === 'redact')) throw",
      to: 'label.length > 0)) throw',
    },
  ]),
]

const DEFINITIONS: readonly Mutant[] = [
  ...rows('src/guard/definitions.ts', [
    {
      name: 'nothing is held against a definition',
      seenBy: ['guard/definitions'],
      from: 'return pin?.pinned?.digest === digest ? NOTHING : findingsOf(pin, digest)',
      to: 'return NOTHING',
    },
    {
      name: 'definitions are not read for orders',
      seenBy: ['guard/definitions'],
      from: 'judgeDefinition(sighting.kind, sighting.definition, { siblings })',
      to: '([] as readonly Mark[])',
    },
    { name: 'names that look alike are not compared', seenBy: ['guard/definitions'], from: 'this.#known.lookAlikes(sighting)', to: '[]' },
    {
      name: 'a name that comes later is taken',
      seenBy: ['journeys/definitions'],
      from: "const isOpen = kind === 'server' ||",
      to: 'const isOpen = true ||',
    },
    {
      name: 'in quarantine things are taken at first sight',
      seenBy: ['journeys/definitions'],
      from: 'marks.length === 0 && isOpen && !this.#parts.quarantine',
      to: 'marks.length === 0 && isOpen',
    },
    {
      name: 'what a server says of itself is shown though it is withheld',
      seenBy: ['journeys/definitions'],
      from: 'return isHeld ? withoutSelf(message, call.method, call.resource.server) : message',
      to: 'return message',
    },
    {
      name: 'that a definition has changed is not written',
      seenBy: ['guard/definitions'],
      from: 'await Promise.all(decided.map(({ pin, digest }) => this.#parts.write(entryOf(pin, digest))))',
      to: '',
    },
  ]),
  ...rows('src/guard/asking.ts', [
    {
      name: "a subscription lacks nobody's word",
      seenBy: ['journeys/flow-ways'],
      from: 'lacking.length === 0 ? whole : together(whole, lacking)',
      to: 'whole',
    },
    {
      name: 'lists show what is withheld',
      seenBy: ['journeys/definitions'],
      from: 'return isVisible(principal, action, resource, held ?? NO_FINDINGS)',
      to: 'return isVisible(principal, action, resource, NO_FINDINGS)',
    },
  ]),
]

const ARGUMENTS: readonly Mutant[] = [
  ...rows('src/guard/inspector.ts', [
    {
      name: 'arguments are not held against the schema',
      seenBy: ['guard/inspector'],
      from: 'schema.of(known.definition, server, name).check(call.arguments)',
      to: 'NOTHING',
    },
    {
      name: 'arguments are not screened',
      seenBy: ['guard/inspector'],
      from: 'screen?.(call, known?.definition.inputSchema) ?? NOTHING',
      to: 'NOTHING',
    },
    {
      name: 'a call is not held against what is withheld',
      seenBy: ['journeys/definitions'],
      from: 'joined(held, judge(call, principal, known, held))',
      to: 'judge(call, principal, known, held)',
    },
    {
      name: 'strict takes tools that are not listed',
      seenBy: ['guard/inspector'],
      from: "input === 'strict' ? UNLISTED : NOTHING",
      to: 'NOTHING',
    },
  ]),
  ...rows('src/guard/worth.ts', [
    {
      name: 'servers are asked on behalf of who may not call',
      seenBy: ['journeys/arguments'],
      from: 'return this.#observing || isOpen(decision)',
      to: 'return true',
    },
    {
      name: 'for whom nothing is left, large calls are looked at',
      seenBy: ['journeys/limits'],
      from: 'this.#meter.check(call, principal)\n',
      to: '\n',
    },
    {
      name: 'what was not looked at is let through by another law',
      seenBy: ['guard/inspector'],
      from: 'if (!this.#unlooked.has(call) || !isOpen(decision)) return',
      to: 'return',
    },
  ]),
  ...rows('src/guard/inspector.ts', [
    {
      name: 'what is refused anyway is screened first',
      seenBy: ['guard/inspector'],
      from: '&& !parts.worth.isWorthIt(principal, call, held)) return',
      to: '&& !parts.worth.isWorthIt(principal, call, held) && (false as boolean)) return',
    },
  ]),
]

const LIMITS: readonly Mutant[] = [
  ...rows('src/limit/limits.ts', [
    { name: 'a blocked address is let in', seenBy: ['limit/failures'], from: '    if (blocked !== undefined) throw blocked\n', to: '' },
    { name: 'an address may flood', seenBy: ['limit/limits'], from: 'if (over !== undefined && !this.#observing) throw over', to: '' },
    {
      name: 'good credentials that are late count as guesses',
      seenBy: ['limit/failures'],
      from: "denial.code === 'invalid_token' && !denial.isStale && address !== undefined",
      to: 'address !== undefined',
    },
    { name: 'any number of bytes is answered', seenBy: ['limit/limits'], from: 'this.#checkBytes(caller.person, nowUs)', to: '' },
    {
      name: 'any number of calls is under way',
      seenBy: ['limit/limits'],
      from: 'if (counts) this.#places.check(call, place, nowUs)',
      to: '',
    },
    {
      name: 'what a permit owes is not counted',
      seenBy: ['limit/limits'],
      from: 'if (obligations.length > 0) this.#cells.addOwed(buckets, obligations, caller)',
      to: '',
    },
    {
      name: 'a server has no limit of its own',
      seenBy: ['limit/limits'],
      from: 'this.#cells.addShared(buckets, call.resource.server, nowUs)',
      to: '',
    },
    {
      name: 'other processes do not learn what was taken',
      seenBy: ['limit/limits'],
      from: 'return this.#leases.spend(spent, nowUs)?.catch(',
      to: 'return (undefined as Promise<void> | undefined)?.catch(',
    },
  ]),
  ...rows('src/guard/limited.ts', [
    {
      name: 'whose key is guessed is not looked at',
      seenBy: ['journeys/limits'],
      from: 'if (limits.isGuessed) limits.checkCredential(address, keyIdOf(credential))',
      to: '',
    },
    { name: 'observing refuses', seenBy: ['journeys/limits'], from: 'return isObserving ? observe(meter) : meter', to: 'return meter' },
  ]),
]

const IDENTITY: readonly Mutant[] = [
  ...rows('src/identity/authenticate.ts', [
    {
      name: 'of two credentials one is believed',
      seenBy: ['identity/authenticate'],
      from: 'if (another !== undefined) throw',
      to: 'if (false as boolean) throw',
    },
    {
      name: 'a credential with a flaw is believed',
      seenBy: ['identity/authenticate'],
      from: 'if (credential?.flaw !== undefined) throw',
      to: 'if (false as boolean) throw',
    },
    {
      name: 'who presents nothing is nobody in particular',
      seenBy: ['identity/authenticate'],
      from: "nobody ?? unauthenticated('no credential was presented')",
      to: 'nobody ?? anonymousPrincipal([])',
    },
    {
      name: 'a credential of no kind is nobody in particular',
      seenBy: ['identity/authenticate'],
      from: "return credential.scheme === 'certificate' ? undefined : unknown()",
      to: 'return undefined',
    },
  ]),
  ...rows('src/guard/state.ts', [
    {
      name: 'a state is good for another call',
      seenBy: ['guard/state'],
      from: '        call.resource.name,\n        hash(',
      to: '        hash(',
    },
    {
      name: 'a state is good for other arguments',
      seenBy: ['guard/state'],
      from: "        hash('sha256', canonical(call.arguments), 'base64url'),\n",
      to: '',
    },
    { name: 'a state is good for another caller', seenBy: ['guard/state'], from: '        nameOf(principal),\n', to: '' },
    { name: 'a state is good for ever', seenBy: ['guard/state'], from: "|| plain['expiresAt'] < now)", to: ')' },
  ]),
]

export const BEHIND: readonly Mutant[] = [...FLOW, ...APPROVAL, ...RELEASE, ...DEFINITIONS, ...ARGUMENTS, ...LIMITS, ...IDENTITY]
