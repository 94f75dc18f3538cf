/** The settings of `approval`: how long one is asked for, how many at once, who gives it, who is told. */
import { z } from 'zod'
import type { Secret } from '../core/secret.ts'
import { secretSetting } from './issuers.ts'
import { flag, httpUrl, list, roleName, span, whole } from './values.ts'

const notify = z.strictObject({
  webhook: httpUrl.describe('Told of every approval that is asked for, by a signed POST.'),
  secret: secretSetting.describe('Signs what is sent there, and what comes back from there. Sealed, or from the environment.'),
  allowPrivate: flag().prefault(false).describe('Whether it may be at a private address, and over http at a loopback one.'),
})

export const approvalSettings = z.strictObject({
  expires: span('10s', '24h')
    .prefault('10m')
    .describe('How long a call waits for a person, and how long their yes or no stands. Nobody says anything: no.'),
  pending: whole(1, 1000)
    .prefault(20)
    .describe('How many may be asked for at once by one caller: people who are asked too often say yes to everything.'),
  approvers: list(roleName, 'role names', 1).prefault(['admin']).describe('Who may approve: people who have one of these roles.'),
  fourEyes: flag().prefault(false).describe('Whether two people must say yes, neither of them the one who asks. Default false.'),
  notify: notify.optional().describe('Where people are told.'),
})

export interface ApprovalConfig {
  readonly expiresMs: number
  readonly pending: number
  readonly approvers: readonly string[]
  readonly fourEyes: boolean
  readonly notify?: { readonly webhook: string; readonly secret: Secret; readonly allowPrivate: boolean }
}

export function settleApproval({ expires, notify: told, ...rest }: z.output<typeof approvalSettings>): ApprovalConfig {
  return { ...rest, expiresMs: expires, ...(told === undefined ? {} : { notify: told }) }
}
