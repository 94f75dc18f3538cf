/** The page of the OAuth clients that an operator configured, and how one is removed. */
import { when } from '../core/time.ts'
import { type ClientRecord, clientEntry, shortGrant } from '../oauth/clients.ts'
import { html } from '../oauth/html.ts'
import { type Deed, deedRoute } from './deeds.ts'
import type { DashboardParts, Route } from './parts.ts'
import { show } from './shell.ts'
import { outside, type Row, tableOf } from './tables.ts'

const HEADER = ['Name', 'Client id', 'Grants', 'Scopes', 'Roles', 'Redirects to', 'Made', 'By', 'Change']

export function clientRoutes(parts: DashboardParts): readonly Route[] {
  return [
    {
      path: /^\/clients$/,
      who: 'admin',
      get: async (visit) => {
        const rows = (await parts.clients.list()).map(rowOf)
        const empty = 'No configured clients. The command line makes one: portcullis clients add'
        const body = html`<h1>Clients</h1><p class="soft">OAuth clients that you know; others register themselves, with less.</p>
${tableOf({ id: 'clients', caption: 'Configured clients', header: HEADER, rows, empty })}`
        show(visit, { title: 'Clients', body })
      },
    },
    deedRoute(removing(parts)),
  ]
}

function rowOf({ id, name, grants, scopes, roles, redirectUris, createdAt, createdBy }: ClientRecord): Row {
  return [
    outside(name),
    outside(id),
    grants.map(shortGrant).join(' '),
    outside(scopes?.join(' ')),
    outside(roles.join(' ')),
    outside(redirectUris.join(' ')),
    { text: when(createdAt), tone: 'whole' },
    outside(createdBy),
    { text: 'Remove', href: `/clients/remove?id=${encodeURIComponent(id)}` },
  ]
}

function removing({ clients, tell }: DashboardParts): Deed {
  return {
    path: '/clients/remove',
    back: '/clients',
    verb: 'Remove',
    fields: ['id'],
    ask: async (said) => {
      const client = (await clients.list()).find(({ id }) => id === said('id'))
      if (client === undefined) return undefined
      const facts = [
        ['Client id', outside(client.id)],
        ['Grants', client.grants.map(shortGrant).join(' ')],
        ['Roles', outside(client.roles.join(' '))],
      ] as const
      const consequence = 'It gets no token any more; those that it holds are refused from their next refresh on. There is no way back.'
      return { question: `Remove ${outside(client.name)}?`, facts, consequence }
    },
    act: async (said, by) => {
      // First the deed: a journal that is away must not keep a stolen client alive.
      const client = await clients.remove(said('id'))
      await tell(clientEntry('client.removed', client, by))
      return `Client ${outside(client.id)} (${outside(client.name)}) is removed: it gets no token any more.`
    },
  }
}
