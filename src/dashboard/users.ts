/** The page of the people who sign in here, and how one is let in no more, or again. */
import { Fault } from '../core/denial.ts'
import { when } from '../core/time.ts'
import { type UserView, userEntry } from '../oauth/accounts.ts'
import { html } from '../oauth/html.ts'
import { type Deed, deedRoute } from './deeds.ts'
import type { DashboardParts, Route } from './parts.ts'
import { show } from './shell.ts'
import { outside, type Row, tableOf } from './tables.ts'

export function userRoutes(parts: DashboardParts): readonly Route[] {
  return [
    {
      path: /^\/users$/,
      who: 'admin',
      get: async (visit) => {
        const rows = (await parts.accounts.list()).map(rowOf)
        const header = ['Name', 'Roles', 'Status', 'Made', 'Password set', 'Change']
        const body = html`<h1>Users</h1><p class="soft">People with a password here. <code>portcullis users add</code> makes one.</p>
${tableOf({ id: 'users', caption: 'People who sign in', header, rows })}`
        show(visit, { title: 'Users', body })
      },
    },
    deedRoute(changing(parts, { path: '/users/disable', verb: 'Disable', status: 'disabled', said: 'disabled' })),
    deedRoute(changing(parts, { path: '/users/enable', verb: 'Enable', status: 'active', said: 'enabled' })),
  ]
}

function rowOf({ name, roles, status, createdAt, passwordChangedAt }: UserView): Row {
  const verb = status === 'active' ? 'disable' : 'enable'
  return [
    outside(name),
    outside(roles.join(' ')),
    { text: status, tone: status === 'active' ? 'good' : 'bad' },
    { text: when(createdAt), tone: 'whole' },
    { text: when(passwordChangedAt), tone: 'whole' },
    { text: status === 'active' ? 'Disable' : 'Enable', href: `/users/${verb}?name=${encodeURIComponent(name)}` },
  ]
}

interface Change extends Pick<Deed, 'path' | 'verb'> {
  readonly status: UserView['status']
  readonly said: string
}

const CONSEQUENCE: Readonly<Record<UserView['status'], string>> = {
  active: 'They can sign in again, with the password they had.',
  disabled: 'They are signed out here at once, sign in no more and get no token; tokens they hold end within their own short life.',
}

function changing({ accounts, tell }: DashboardParts, { path, verb, status, said: done }: Change): Deed {
  return {
    path,
    back: '/users',
    verb,
    fields: ['name'],
    ask: async (said) => {
      const user = (await accounts.list()).find(({ name }) => name === said('name'))
      if (user === undefined) return undefined
      const facts = [
        ['Roles', outside(user.roles.join(' '))],
        ['Status', user.status],
      ] as const
      return { question: `${verb} ${outside(user.name)}?`, facts, consequence: CONSEQUENCE[status] }
    },
    act: async (said, by, { person }) => {
      if (said('name') === person.subject) throw new Fault('FAULT_USER', 'This is yourself: somebody else must do it, or the command line')
      // First the deed: a journal that is away must not keep somebody in.
      const user = await accounts.setStatus(said('name'), status)
      await tell(userEntry('user.changed', user, done, by))
      return `User ${outside(user.name)} is ${done}.`
    },
  }
}
