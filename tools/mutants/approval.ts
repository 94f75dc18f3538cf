/** Approvals and confirmations with one step taken out. */
import { type Mutant, rows } from './rows.ts'

export const APPROVAL: readonly Mutant[] = [
  ...rows('src/guard/approved.ts', [
    {
      name: 'an approval that nobody gave will do',
      seenBy: ['journeys/approval'],
      from: "if (needs.approved && !isContinued && found?.approval.status !== 'approved') throw await this.#approvalRequired(weighed)",
      to: '',
    },
    {
      name: 'a call that must be confirmed is not',
      seenBy: ['journeys/approval'],
      from: 'if (!needs.confirmed || isConfirmed) return',
      to: 'return',
    },
    {
      name: 'a confirmation is good for another call',
      seenBy: ['journeys/approval'],
      from: "returned?.kind === 'confirm' && returned.digest === digest && returned.reply",
      to: "returned?.kind === 'confirm' && returned.reply",
    },
    {
      name: 'a decline confirms',
      seenBy: ['journeys/approval'],
      from: "returned.digest === digest && returned.reply === 'accept')",
      to: 'returned.digest === digest)',
    },
    {
      name: 'what stands beside the arguments is approved unseen',
      seenBy: ['journeys/approval'],
      from: 'const besides = besidesOf(call)',
      to: 'const besides = besidesOf(call) && undefined',
    },
    {
      name: 'what is answered is approved unseen',
      seenBy: ['journeys/approval'],
      from: 'isContinued ? undefined : answersOf(call)',
      to: 'isContinued ? undefined : answersOf(call) && undefined',
    },
    {
      name: 'an approval goes on into another call',
      seenBy: ['journeys/approval'],
      from: "returned?.kind === 'continuation' && returned.digest === thread &&",
      to: "returned?.kind === 'continuation' &&",
    },
    {
      name: 'the law is not asked again before an approval is spent',
      seenBy: ['journeys/approval'],
      from: "if (final.effect === 'forbid' || final.revision !== bound.law)",
      to: 'if (false as boolean)',
    },
    { name: 'an approved call is not charged', seenBy: ['journeys/approval'], from: 'await charge(final)', to: '' },
    { name: 'nothing is spent', seenBy: ['journeys/approval'], from: 'await this.#spend(weighed)', to: '' },
    {
      name: 'a word that was brought is good again',
      seenBy: ['journeys/approval'],
      from: 'if (!isFirst) throw',
      to: 'if (false as boolean) throw',
    },
    {
      name: 'an approval is good again',
      seenBy: ['journeys/approval'],
      from: 'if (found !== undefined && !(await approvals.spend(found)))',
      to: 'if (false as boolean)',
    },
    {
      name: 'an approved tool may have been defined anew',
      seenBy: ['journeys/approval'],
      from: 'if (isAnew || !isFresh) await ask(call, principal, forward, isAnew)',
      to: '',
    },
    {
      name: 'a tool may have been defined anew a moment after the last look',
      seenBy: ['journeys/approval'],
      from: 'if ((await this.#definition(weighed, true)) !== bound.definition) {',
      to: 'if (false as boolean) {',
    },
    {
      name: 'an approval of what a tool was is good once it is that again',
      seenBy: ['journeys/approval'],
      from: 'this.#redefined.tell(server, gone)',
      to: '',
    },
    {
      name: 'what is withheld was never answered',
      seenBy: ['journeys/approval'],
      from: "if (answer === undefined) return { ...outcome, type: 'approval.unknown', detail: denial?.code ?? 'no answer was waited for' }",
      to: "if (answer === undefined || denial !== undefined) return { ...outcome, type: 'approval.unknown' }",
    },
    {
      name: 'who was told no is asked about again',
      seenBy: ['journeys/approval'],
      from: "if (status === 'denied') return",
      to: 'if (false as boolean) return',
    },
    { name: 'nobody is told that an approval waits', seenBy: ['journeys/approval'], from: 'if (isNew) notify(approval)', to: '' },
  ]),
  ...rows('src/approval/bound.ts', [
    {
      name: 'an approval is good for other arguments',
      seenBy: ['approval/approvals'],
      from: 'arguments: call.arguments,',
      to: 'arguments: {},',
    },
    {
      name: 'an approval is good for another definition',
      seenBy: ['approval/approvals'],
      from: '    definition,\n',
      to: "    definition: '',\n",
    },
    { name: 'an approval is good under another law', seenBy: ['approval/approvals'], from: '    law,\n', to: "    law: '',\n" },
    {
      name: 'an approval outlives a role',
      seenBy: ['approval/approvals'],
      from: 'roles: [...new Set(principal.roles)].sort(),',
      to: 'roles: [],',
    },
    { name: 'an approval is good for whoever acts', seenBy: ['approval/approvals'], from: 'actors: principal.actors,', to: 'actors: [],' },
    {
      name: 'an approval is good for another client',
      seenBy: ['approval/approvals'],
      from: 'principal.client === undefined ? {} : { client: principal.client }',
      to: '{}',
    },
  ]),
  ...rows('src/guard/watch.ts', [
    {
      name: 'an approval under a law that was left is good once that comes back',
      seenBy: ['journeys/approval'],
      from: 'await approvals.enacted(law.revision, before).catch(',
      to: 'await Promise.resolve().catch(',
    },
  ]),
  ...rows('src/guard/tasks.ts', [
    {
      name: 'what came of a task is not told of its approval',
      seenBy: ['journeys/approval'],
      from: 'if (begun.approval !== undefined) await this.#end(',
      to: 'if (false as boolean) await this.#end(',
    },
  ]),
  ...rows('src/approval/approvals.ts', [
    {
      name: 'four eyes do not hold for what waits already',
      seenBy: ['approval/approvals'],
      from: "if (approval.needs >= needs || approval.status === 'denied') return found",
      to: 'if (approval.needs > 0) return found',
    },
    {
      name: 'an approval never ends',
      seenBy: ['approval/approvals'],
      from: 'return expiresAt <= this.#parts.clock()',
      to: 'return expiresAt < 0',
    },
    { name: 'any number of approvals may wait', seenBy: ['approval/approvals'], from: 'await this.#checkRoom(key, approval)', to: '' },
    {
      name: 'whoever likes settles whatever they like',
      seenBy: ['approval/approvals'],
      from: 'checkSettling(found.approval, says, person)\n',
      to: '\n',
    },
    {
      name: 'one person is two by another name',
      seenBy: ['approval/approvals'],
      from: 'word.names?.some((one) => names.includes(one)) === true',
      to: 'false',
    },
    {
      name: 'who asks approves',
      seenBy: ['approval/approvals'],
      from: 'if (names.some((one) => people.includes(one))) throw',
      to: 'if (false as boolean) throw',
    },
    {
      name: 'of many at once more than one spends an approval',
      seenBy: ['approval/approvals'],
      from: '{ onlyIf: stored, expiresAt',
      to: '{ expiresAt',
    },
    {
      name: 'a yes that is not on record is good',
      seenBy: ['approval/approvals'],
      from: "if (says === 'approve') await this.#tell",
      to: "if (says === 'approve') void this.#tell",
    },
  ]),
]
