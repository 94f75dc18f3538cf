/** Many replicas: who is taken for whom he was until the store has answered, each of what keeps a wrong guess from being told or doing anything; tasks of many homes. */
import { type Mutant, rows } from './rows.ts'

export const REPLICAS: readonly Mutant[] = [
  ...rows('src/guard/recalled.ts', [
    {
      name: 'bad credentials are not counted',
      seenBy: ['journeys/limits'],
      from: 'const identify = countFailures(ask, guessing)',
      to: 'const identify = ask',
    },
    {
      name: 'bad credentials that were good once are not counted',
      seenBy: ['guard/recalled'],
      from: 'countFailures(() => confirmed, guessing)',
      to: '() => confirmed',
    },
    {
      name: 'nobody asks whether who called before is still who he was',
      seenBy: ['guard/recalled'],
      from: 'inOrder(one.known, one.owed)',
      to: 'inOrder(one.owed)',
    },
    {
      name: 'who called before pays nothing',
      seenBy: ['guard/recalled'],
      from: 'inOrder(one.known, one.owed)',
      to: 'inOrder(one.known)',
    },
    {
      name: 'who called before is judged as he was while credentials are guessed',
      seenBy: ['guard/recalled'],
      from: 'guessing.limits.isGuessed ? undefined : presumed(credentials, call)',
      to: 'presumed(credentials, call)',
    },
    {
      name: 'rights that were changed since are those from before',
      seenBy: ['guard/recalled'],
      from: 'now === principal || isDeepStrictEqual(now, principal)',
      to: 'now !== undefined',
    },
  ]),
  ...rows('src/identity/bearer.ts', [
    {
      name: 'a token that was ended is presumed good for ever',
      seenBy: ['identity/presumed'],
      from: 'if (error instanceof Denial) this.#stood.delete(placeOf(token))',
      to: '',
    },
    {
      name: 'a proof that was overheard is charged to whom it was heard from',
      seenBy: ['identity/presumed'],
      from: "if (credential.scheme !== 'bearer') return undefined",
      to: "if (credential.scheme === 'api-key' || credential.scheme === 'certificate') return undefined",
    },
  ]),
  ...rows('src/identity/api-key.ts', [
    {
      name: 'a key that was ended is presumed good for ever',
      seenBy: ['identity/presumed'],
      from: 'if (error instanceof Denial) this.#proved.delete(sha256(text))',
      to: '',
    },
  ]),
  ...rows('src/identity/authenticate.ts', [
    {
      name: 'a credential that an earlier scheme may own is shown to a later one',
      seenBy: ['identity/presumed'],
      from: 'if (scheme.presume === undefined) return undefined',
      to: '',
    },
  ]),
  ...rows('src/guard/flow.ts', [
    {
      name: 'labels are written down for a key that was revoked since it called',
      seenBy: ['journeys/recalled'],
      from: 'Promise.resolve(stations.settle(call))',
      to: 'Promise.resolve()',
    },
  ]),
  ...rows('src/embed/steps.ts', [
    {
      name: 'a check of an author is asked about a key that was revoked since it called',
      seenBy: ['embed/tools'],
      from: 'await stations.settle(call)',
      to: '',
    },
  ]),
  ...rows('src/gateway/gathered.ts', [
    {
      name: "a task of another process is acknowledged by the name of the caller's",
      seenBy: ['gateway/gathered'],
      from: 'taskIds.filter((one) => tasks.includes(one))',
      to: 'tasks.map(String)',
    },
    {
      name: 'a replica that is asked for some tasks is asked for all',
      seenBy: ['gateway/gathered'],
      from: 'await homes.at(home, listenTo(call, stop, { taskIds }))',
      to: 'await homes.at(home, call)',
    },
    {
      name: 'replicas are listened to when nobody listens any more',
      seenBy: ['gateway/gathered'],
      from: '    leave()\n    call.signal.removeEventListener',
      to: '    call.signal.removeEventListener',
    },
  ]),
]
