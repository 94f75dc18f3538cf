/** The page of API keys, and how one is revoked. */
import { howLong, when } from '../core/time.ts'
import { type KeyView, keyEntry } from '../identity/key-record.ts'
import { isKeyId } from '../identity/key-text.ts'
import { html } from '../oauth/html.ts'
import { type Deed, deedRoute } from './deeds.ts'
import type { DashboardParts, Route } from './parts.ts'
import { show } from './shell.ts'
import { number, outside, type Row, tableOf } from './tables.ts'

const HEADER = ['Name', 'Id', 'Owner', 'Roles', 'Allow', 'Status', 'Expires', 'Last used', 'Uses', 'Change']

export function keyRoutes(parts: DashboardParts): readonly Route[] {
  const { keys, clock } = parts
  return [
    {
      path: /^\/keys$/,
      who: 'admin',
      get: async (visit) => {
        const now = clock()
        const rows = (await keys.list()).toReversed().map((key) => rowOf(key, now))
        const empty = 'No keys yet. The command line makes one: portcullis keys create --name NAME --role ROLE'
        const body = html`<h1>Keys</h1><p class="soft">What agents present. A key is shown once, when it is made.</p>
${tableOf({ id: 'keys', caption: 'API keys, newest first', header: HEADER, rows, empty })}`
        show(visit, { title: 'Keys', body })
      },
    },
    deedRoute(revoking(parts)),
  ]
}

function rowOf(key: KeyView, now: number): Row {
  const { id, name, owner, roles, allow, status, expiresAt, lastUsedAt, uses } = key
  return [
    outside(name),
    { text: id, href: `/events?principal=${encodeURIComponent(`key#${id}`)}` },
    outside(owner),
    outside(roles.join(' ')),
    outside(allow?.join(' ')),
    { text: key.overlapUntil === undefined ? status : `${status}, overlap`, tone: status === 'active' ? 'good' : 'bad' },
    status === 'active' ? `in ${howLong(expiresAt - now)}` : { text: when(expiresAt), tone: 'whole' },
    lastUsedAt === undefined ? 'never' : `${howLong(now - lastUsedAt)} ago`,
    number(uses),
    status === 'revoked' ? '' : { text: 'Revoke', href: `/keys/revoke?id=${id}` },
  ]
}

function revoking({ keys, tell }: DashboardParts): Deed {
  return {
    path: '/keys/revoke',
    back: '/keys',
    verb: 'Revoke',
    fields: ['id'],
    ask: async (said) => {
      const key = isKeyId(said('id')) ? await keys.find(said('id')) : undefined
      if (key === undefined) return undefined
      return {
        question: `Revoke ${outside(key.name)}?`,
        facts: [
          ['Id', key.id],
          ['Owner', key.owner === undefined ? undefined : outside(key.owner)],
          ['Roles', outside(key.roles.join(' '))],
          ['Status', key.status],
          ['Uses', String(key.uses)],
        ],
        consequence: 'Its next call is refused, on every process. There is no way back: a new key must be made.',
      }
    },
    act: async (said, by) => {
      // First the deed: a journal that is away must not keep a stolen key alive.
      const key = await keys.revoke(said('id'))
      await tell(keyEntry('key.revoked', key, by))
      return `Key ${key.id} (${outside(key.name)}) is revoked: its next call is refused.`
    },
  }
}
